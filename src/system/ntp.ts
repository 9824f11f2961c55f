import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type Clock, systemClock } from '../lib/clock.ts';
import { osErrorText, TalosdError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';

/** What one exchange with a time server tells. Times are nanoseconds since the Unix epoch. */
export interface NtpAnswer {
  /** The address that answered. */
  readonly address: string;
  /** When the server sent its answer, by its clock. */
  readonly transmitted: bigint;
  /** How far the server's clock is ahead of ours, nanoseconds: the four-stamp estimate of RFC 5905. */
  readonly offset: bigint;
  /** Time on the way there and back, nanoseconds. */
  readonly delay: bigint;
  /** Distance of the server from a reference clock. */
  readonly stratum: number;
  /** 3 when the server's own clock is not set. */
  readonly leap: number;
}

/** Choices of a question. */
export interface NtpOptions {
  readonly signal?: AbortSignal;
  /** Default 5000. */
  readonly timeoutMs?: number;
  /** Default 123. */
  readonly port?: number;
}

/** Asks a server, named by address or host name, for the time once. */
export type NtpQuery = (server: string, options?: NtpOptions) => Promise<NtpAnswer>;

const PACKET_SIZE = 48;

/** Seconds from the start of NTP's time to the Unix epoch. */
const EPOCH = 2_208_988_800n;

/** Version 4, mode 3 (client). */
const CLIENT = (4 << 3) | 3;

/** Mode of an answer. */
const SERVER_MODE = 4;

/** One question by the given clock. Rejects when no true answer comes in time, with what the socket or server said. */
export function ntpQuery(clock: Clock = systemClock): NtpQuery {
  return async (server, options = {}) => {
    const timeoutMs = options.timeoutMs ?? 5000;
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    try {
      const { address, family } = await abortable(lookup(server), signal);
      return await exchange(clock, address, family, options.port ?? 123, signal);
    } catch (error) {
      if (limit.aborted && !options.signal?.aborted) {
        throw new TalosdError('deadline_exceeded', `no answer from ${server} in ${timeoutMs} ms`, { cause: error });
      }
      const code = errnoOf(error);
      if (code === 'ENOTFOUND') throw new TalosdError('unknown', `lookup ${server}: no such host`, { cause: error });
      if (code === 'EAI_AGAIN') {
        throw new TalosdError('unknown', `lookup ${server}: no answer from a name server`, { cause: error });
      }
      if (code && !options.signal?.aborted) {
        throw new TalosdError('unknown', `${server}: ${osErrorText(code)}`, { cause: error });
      }
      throw error;
    }
  };
}

async function exchange(clock: Clock, address: string, family: number, port: number, signal: AbortSignal) {
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  try {
    socket.connect(port, address); // so that a refusal comes back as an error, and strangers are not heard
    await once(socket, 'connect', { signal });
    const question = Buffer.alloc(PACKET_SIZE);
    question[0] = CLIENT;
    const cookie = randomBytes(8); // instead of our time: an answer must repeat it, and no server needs to know it
    cookie.copy(question, 40);
    const sent = clock.monotonic();
    const sentAt = BigInt(clock.now()) * 1_000_000n;
    socket.send(question);
    for (;;) {
      const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
      const elapsed = clock.monotonic() - sent;
      if (answer.length >= PACKET_SIZE && answer.subarray(24, 32).equals(cookie)) {
        return readAnswer(answer, address, sentAt, elapsed);
      }
    }
  } finally {
    socket.close();
  }
}

function readAnswer(answer: Buffer, address: string, sentAt: bigint, elapsed: bigint): NtpAnswer {
  const stratum = answer[1]!;
  if ((answer[0]! & 7) !== SERVER_MODE) throw new TalosdError('unknown', `${address} is no time server`);
  if (stratum === 0) {
    const reason = answer.toString('latin1', 12, 16).replace(/[^A-Z]/g, '');
    throw new TalosdError('unknown', `${address} refuses to tell the time: ${reason}`);
  }
  const received = stampAt(answer, 32);
  const transmitted = stampAt(answer, 40);
  const offset = (received - sentAt + (transmitted - (sentAt + elapsed))) / 2n;
  const delay = elapsed - (transmitted - received);
  return { address, transmitted, offset, delay, stratum, leap: answer[0]! >> 6 };
}

/** A 64-bit time stamp; one whose first bit is unset belongs to the era that begins in 2036. */
function stampAt(packet: Buffer, at: number): bigint {
  const seconds = BigInt(packet.readUInt32BE(at));
  const fraction = BigInt(packet.readUInt32BE(at + 4));
  const era = seconds < 0x8000_0000n ? 0x1_0000_0000n : 0n;
  return (seconds + era - EPOCH) * 1_000_000_000n + ((fraction * 1_000_000_000n) >> 32n);
}

/** Leaves off waiting when the signal aborts; name look-ups can't be stopped. */
function abortable<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
