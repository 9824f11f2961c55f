/** HTTP/2 as far as a load generator needs it (RFC 9113): few frame types, headers by index after their first use. */
export const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
export const ACK = 0x1;

const HEAD_BYTES = 9;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const INITIAL_WINDOW_SIZE = 4;
const FIRST_DYNAMIC_INDEX = 62;
/** `:method: POST` and `:scheme: https` of the static table. */
const POST_OVER_HTTPS = [0x83, 0x87];

/** Writes a frame. */
export function frameOf(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** What a client says first: windows of `window` bytes for each stream and for the connection. */
export function greeting(window: number): Buffer {
  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(INITIAL_WINDOW_SIZE);
  settings.writeUInt32BE(window, 2);
  return Buffer.concat([
    Buffer.from(PREFACE),
    frameOf(FRAME.settings, 0, 0, settings),
    windowUpdate(0, window - 65_535),
  ]);
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frameOf(FRAME.windowUpdate, 0, stream, payload);
}

/** A gRPC message in its five-byte frame. */
export function grpcMessage(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** The header block of the first request on a connection (it fills the table), and that of all later ones. */
export function headerBlocks(headers: readonly (readonly [string, string])[]): { first: Buffer; later: Buffer } {
  const literals = headers.flatMap(([name, value]) => [Buffer.from([0x40]), text(name), text(value)]);
  const indexes = headers.map((_, index) => 0x80 | (FIRST_DYNAMIC_INDEX + headers.length - 1 - index));
  return {
    first: Buffer.concat([Buffer.from(POST_OVER_HTTPS), ...literals]),
    later: Buffer.from([...POST_OVER_HTTPS, ...indexes]),
  };
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = bytes.length < 127 ? [bytes.length] : [127];
  for (let rest = bytes.length - 127; rest >= 0; rest = Math.floor(rest / 128)) {
    length.push(rest >= 128 ? (rest & 127) | 128 : rest);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** Takes a byte stream apart. Payloads of DATA are only counted, those of other frames are handed over whole. */
export class FrameReader {
  readonly #onFrame: (type: number, flags: number, stream: number, length: number, payload: Buffer) => void;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headFilled = 0;
  #left = 0;
  #payload: Buffer[] = [];

  constructor(onFrame: (type: number, flags: number, stream: number, length: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length || (this.#headFilled === HEAD_BYTES && this.#left === 0)) {
      if (this.#headFilled < HEAD_BYTES) {
        const copied = chunk.copy(this.#head, this.#headFilled, at, at + HEAD_BYTES - this.#headFilled);
        at += copied;
        this.#headFilled += copied;
        if (this.#headFilled < HEAD_BYTES) return;
        this.#left = this.#head.readUIntBE(0, 3);
      }
      const taken = Math.min(this.#left, chunk.length - at);
      if (this.#head[3] !== FRAME.data && taken > 0) this.#payload.push(chunk.subarray(at, at + taken));
      at += taken;
      this.#left -= taken;
      if (this.#left > 0) return;
      this.#headFilled = 0;
      const [payload = Buffer.alloc(0)] = this.#payload.length > 1 ? [Buffer.concat(this.#payload)] : this.#payload;
      this.#payload = [];
      const length = this.#head.readUIntBE(0, 3);
      this.#onFrame(this.#head[3]!, this.#head[4]!, this.#head.readUInt32BE(5) & 0x7fff_ffff, length, payload);
    }
  }
}
