import { TalosdError } from '../lib/errors.ts';
import { Wakeups } from '../lib/wakeups.ts';

const INITIAL_CAPACITY = 16_384;
const MAXIMUM_CAPACITY = 1_048_576;
const SAFETY_GAP = 2_048;
const MAXIMUM_CHUNK = 32_768;
const NEWLINE = 10;

/** What a reader of a log wants (spec/api.md §2.7 Logs). */
export interface LogReadOptions {
  /** Lines before the end to start at; 0 is nothing of the past, negative is everything that is kept. */
  readonly tailLines: number;
  /** Whether to go on with what is written later. */
  readonly follow: boolean;
  /** Ends the reading, quietly. */
  readonly signal?: AbortSignal;
}

/**
 * The last megabyte of a stream of bytes (sequences-and-services.md §3.9): grows from 16 KiB to 1 MiB by doubling, then
 * forgets its oldest bytes. 2 KiB short of the whole are readable, so that a reader has room before it is overtaken.
 *
 * Positions count bytes since the first one ever written, so they stay valid while the storage turns round.
 */
export class CircularBuffer {
  #storage = Buffer.allocUnsafe(INITIAL_CAPACITY);
  #written = 0;
  readonly #readers = new Wakeups();

  /** Bytes written so far, which is the position behind the newest one. */
  get end(): number {
    return this.#written;
  }

  /** Position of the oldest byte that can still be read. */
  get oldest(): number {
    const readable = MAXIMUM_CAPACITY - SAFETY_GAP;
    return this.#written <= readable ? 0 : this.#written - readable;
  }

  write(data: Uint8Array): void {
    this.#grow(this.#written + data.length);
    const capacity = this.#storage.length;
    const skipped = Math.max(0, data.length - capacity);
    const kept = data.subarray(skipped);
    const at = (this.#written + skipped) % capacity;
    const first = kept.subarray(0, capacity - at);
    this.#storage.set(first, at);
    this.#storage.set(kept.subarray(first.length), 0);
    this.#written += data.length;
    this.#readers.wake();
  }

  /** `write` of text as UTF-8, without a copy on the way where it does not turn round the end. */
  writeText(text: string): void {
    const length = Buffer.byteLength(text);
    this.#grow(this.#written + length);
    const at = this.#written % this.#storage.length;
    if (at + length > this.#storage.length) {
      this.write(Buffer.from(text));
      return;
    }
    this.#storage.write(text, at, length);
    this.#written += length;
    this.#readers.wake();
  }

  /** A copy of at most `limit` bytes from `position`, fewer at the end of the storage or of what was written. */
  slice(position: number, limit: number): Buffer {
    const at = position % this.#storage.length;
    const length = Math.min(limit, this.#written - position, this.#storage.length - at);
    return Buffer.from(this.#storage.subarray(at, at + length));
  }

  /** Where the last `lines` lines begin; an unterminated last line counts as one. */
  tailPosition(lines: number): number {
    if (lines < 0) return this.oldest;
    if (lines === 0) return this.#written;
    const oldest = this.oldest;
    let end = this.#written;
    if (end > oldest && this.slice(end - 1, 1)[0] === NEWLINE) end -= 1;
    for (let left = lines; end > oldest; ) {
      const newline = this.#lastNewline(oldest, end);
      if (newline < 0) break;
      left -= 1;
      if (left === 0) return newline + 1;
      end = newline;
    }
    return oldest;
  }

  /**
   * The wanted bytes, as the reader pulls them. Where to begin (and, without `follow`, where to end) is settled by this
   * call, not by the first pull. A following reader that is overtaken goes on at the oldest byte; another one fails with
   * `buffer overrun, read position overwritten` (code `resource_exhausted`).
   */
  read(options: LogReadOptions): AsyncIterable<Uint8Array> {
    const start = this.tailPosition(options.tailLines);
    return this.#stream(start, options.follow ? Number.POSITIVE_INFINITY : this.#written, options.signal);
  }

  async *#stream(start: number, end: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    let position = start;
    while (position < end && !signal?.aborted) {
      if (position < this.oldest) {
        if (end !== Number.POSITIVE_INFINITY) {
          throw new TalosdError('resource_exhausted', 'buffer overrun, read position overwritten');
        }
        position = this.oldest;
      }
      if (position === this.#written) {
        await this.#readers.wait(signal);
        continue;
      }
      const chunk = this.slice(position, Math.min(MAXIMUM_CHUNK, end - position));
      position += chunk.length;
      yield chunk;
    }
  }

  /** Until the storage has its full size nothing has turned round in it, so its bytes move as one block. */
  #grow(wanted: number): void {
    let capacity = this.#storage.length;
    while (capacity < wanted && capacity < MAXIMUM_CAPACITY) capacity *= 2;
    if (capacity === this.#storage.length) return;
    const storage = Buffer.allocUnsafe(capacity);
    this.#storage.copy(storage, 0, 0, this.#written);
    this.#storage = storage;
  }

  #lastNewline(from: number, to: number): number {
    const capacity = this.#storage.length;
    for (let end = to; end > from; ) {
      const begin = Math.max(from, Math.floor((end - 1) / capacity) * capacity);
      const part = this.#storage.subarray(begin % capacity, (begin % capacity) + (end - begin));
      const found = part.lastIndexOf(NEWLINE);
      if (found >= 0) return begin + found;
      end = begin;
    }
    return -1;
  }
}
