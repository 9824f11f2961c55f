import type { Clock } from './clock.ts';
import { TalosdError } from './errors.ts';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';
const BYTES = 12;
const TEXT_LENGTH = 20;
const COUNTER_LIMIT = 2 ** 24;

/**
 * Makes ids that sort by age (spec/api.md §2.6): 4 bytes of Unix seconds, 3 of machine, 2 of process, 3 of counter, written
 * as 20 characters of lower-case base32hex. Ids of one generator grow strictly, also when the clock is set back or more
 * than 2^24 of them are made in a second: then the time part stands still or runs ahead.
 */
export class XidGenerator {
  readonly #clock: Clock;
  readonly #machine: number;
  readonly #process: number;
  #seconds = 0;
  #counter: number;

  /** `machine` (24 bits) and `counter` (24 bits) should be random, `process` is the process id; all are cut to size. */
  constructor(clock: Clock, identity: { machine: number; process: number; counter: number }) {
    this.#clock = clock;
    this.#machine = identity.machine % COUNTER_LIMIT;
    this.#process = identity.process % 2 ** 16;
    this.#counter = identity.counter % COUNTER_LIMIT;
  }

  next(): string {
    const now = Math.floor(this.#clock.now() / 1000);
    this.#counter = (this.#counter + 1) % COUNTER_LIMIT;
    if (now > this.#seconds) this.#seconds = now;
    else if (this.#counter === 0) this.#seconds += 1;

    const bytes = Buffer.alloc(BYTES);
    bytes.writeUInt32BE(this.#seconds, 0);
    bytes.writeUIntBE(this.#machine, 4, 3);
    bytes.writeUInt16BE(this.#process, 7);
    bytes.writeUIntBE(this.#counter, 9, 3);
    return encodeXid(bytes);
  }
}

/** The text form of 12 bytes. */
export function encodeXid(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < TEXT_LENGTH; index++) {
    const bit = index * 5;
    const at = bit >> 3;
    const pair = (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
    text += ALPHABET[(pair >> (11 - (bit & 7))) & 31];
  }
  return text;
}

/** The 12 bytes of a text form. Throws `xid: invalid ID`. */
export function parseXid(text: string): Buffer {
  if (!/^[0-9a-v]{20}$/.test(text)) throw new TalosdError('unknown', 'xid: invalid ID');
  const bytes = Buffer.alloc(BYTES + 1);
  for (let index = 0; index < TEXT_LENGTH; index++) {
    const bit = index * 5;
    const at = bit >> 3;
    const pair = ALPHABET.indexOf(text[index]!) << (11 - (bit & 7));
    bytes[at]! |= pair >> 8;
    bytes[at + 1]! |= pair & 255;
  }
  return bytes.subarray(0, BYTES);
}

/** The time part of an id, Unix seconds. */
export function xidSeconds(id: string): number {
  return parseXid(id).readUInt32BE(0);
}
