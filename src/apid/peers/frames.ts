import { type StatusError, statusError } from '../status.ts';

const PREFIX = 5;

/** No message between nodes, nor to a client, is larger (spec/api.md §1.3). */
export const LARGEST_MESSAGE = 4 * 1024 * 1024;

/** The refusal of a message above the limit, in Go's words. */
export function tooLarge(size: number, limit: number): StatusError {
  return statusError('resource_exhausted', `grpc: received message larger than max (${size} vs. ${limit})`);
}

/** A message in gRPC framing: flag, length, bytes. */
export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, PREFIX);
  return framed;
}

/** Cuts a byte stream into messages. A message is at most `limit` bytes; compression is never used (spec/api.md §1.3). */
export class FrameDecoder {
  readonly #limit: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a message has begun and not ended. */
  get isMidMessage(): boolean {
    return this.#length > 0;
  }

  /** Messages that `chunk` completes. */
  push(chunk: Buffer): Buffer[] {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    const messages: Buffer[] = [];
    for (let size = this.#next(); size !== undefined && this.#length >= PREFIX + size; size = this.#next()) {
      const all = this.#joined();
      messages.push(all.subarray(PREFIX, PREFIX + size));
      this.#length = all.length - PREFIX - size;
      this.#parts = this.#length > 0 ? [all.subarray(PREFIX + size)] : [];
    }
    return messages;
  }

  /** Length of the message in front; undefined before its prefix is whole. */
  #next(): number | undefined {
    if (this.#length < PREFIX) return undefined;
    const head = this.#parts[0]!.length >= PREFIX ? this.#parts[0]! : this.#joined();
    if (head[0] !== 0) throw statusError('unimplemented', 'compressed messages are not supported');
    const size = head.readUInt32BE(1);
    if (size > this.#limit) {
      throw tooLarge(size, this.#limit);
    }
    return size;
  }

  #joined(): Buffer {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts, this.#length)];
    return this.#parts[0]!;
  }
}
