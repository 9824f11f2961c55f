import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import { osError, TalosdError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';
import type { ProcFs } from './procfs.ts';

/** Larger than any record: the kernel cuts them at 8 KiB. */
const RECORD_SIZE = 16 * 1024;

/** How many records are read before other work gets its turn. */
const BATCH = 64;

/** How often a follower looks for new records, milliseconds. The device can't be waited for without a thread. */
const POLL = 200;

/** Numbers 0 to 18 in the order of spec/api.md §2.7, which leaves out four of syslog's. */
const FACILITIES = `kern user mail daemon auth syslog lpr news uucp cron authpriv
  local0 local1 local2 local3 local4 local5 local6 local7`.split(/\s+/);

const PRIORITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];

/** A record of the kernel's log. */
export interface KernelRecord {
  readonly facility: string;
  readonly priority: string;
  readonly sequence: number;
  /** Microseconds since the Unix epoch. */
  readonly time: bigint;
  /** As the kernel wrote it, final newline and ` KEY=value` lines included. */
  readonly text: string;
}

/** What to read of the kernel's log. */
export interface KernelLogOptions {
  /** Go on with new records when those there are have been read. */
  readonly follow: boolean;
  /** Leave out what is there already. */
  readonly tail: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The kernel's log, record by record; a record of unknown form comes as the error that says so. Records that were
 * overwritten before they were read are passed over. The device is opened non-blocking, so reading never waits and
 * holds no thread. Throws when the device can't be opened, or when `signal` aborts.
 */
export async function* kernelLog(
  clock: Clock,
  proc: ProcFs,
  options: KernelLogOptions,
  device = '/dev/kmsg',
): AsyncGenerator<KernelRecord | TalosdError> {
  const descriptor = openDevice(device);
  try {
    const boot = (BigInt(clock.now()) - BigInt(Math.floor(await proc.uptime())) * 1000n) * 1000n;
    const buffer = Buffer.allocUnsafe(RECORD_SIZE);
    let discard = options.tail;
    for (let count = 1; ; count++) {
      options.signal?.throwIfAborted();
      const text = nextRecord(descriptor, buffer, device);
      if (text === undefined) {
        if (!options.follow) return;
        discard = false;
        await clock.sleep(POLL, options.signal);
      } else if (!discard) {
        yield parseRecord(text, boot);
      }
      if (count % BATCH === 0) await nextTurn();
    }
  } finally {
    closeSync(descriptor);
  }
}

/** One line as `dmesg` shows it: `<facility>: <priority>: [<time>]: <text>`. */
export function formatRecord(record: KernelRecord): string {
  return `${record.facility}: ${record.priority.padStart(7)}: [${formatTime(record.time)}]: ${record.text}`;
}

/** `<prefix>;<text>`, where the prefix is `<facility and priority>,<sequence>,<microseconds since boot>,<flags>`. */
export function parseRecord(text: string, bootMicroseconds: bigint): KernelRecord | TalosdError {
  const match = /^(\d+),(\d+),(\d+)[^;]*;(.*)$/s.exec(text);
  if (!match) return new TalosdError('internal', `kernel record of unknown form: ${JSON.stringify(text.slice(0, 80))}`);
  const [, code, sequence, time, rest] = match;
  const facility = Number(code) >> 3;
  return {
    facility: FACILITIES[facility] ?? String(facility),
    priority: PRIORITIES[Number(code) & 7]!,
    sequence: Number(sequence),
    time: bootMicroseconds + BigInt(time!),
    text: rest!,
  };
}

/** RFC 3339 in UTC with as many digits of a second as needed. */
function formatTime(microseconds: bigint): string {
  const seconds = new Date(Number(microseconds / 1000n)).toISOString().slice(0, 19);
  const fraction = String(microseconds % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return fraction ? `${seconds}.${fraction}Z` : `${seconds}Z`;
}

/** Opening a character device of the kernel does not wait, no more than reading it does. */
function openDevice(device: string): number {
  try {
    return openSync(device, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new TalosdError('unknown', `error opening /dev/kmsg reader: ${osError('open', device, error).message}`, {
      cause: error,
    });
  }
}

/** The next record, or undefined when there is none yet. */
function nextRecord(descriptor: number, buffer: Buffer, device: string): string | undefined {
  for (;;) {
    try {
      const length = readSync(descriptor, buffer);
      return length === 0 ? undefined : buffer.toString('utf8', 0, length);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EAGAIN') return undefined;
      if (code !== 'EPIPE') {
        throw new TalosdError('unknown', `error reading from kmsg: ${osError('read', device, error).message}`, {
          cause: error,
        });
      }
    }
  }
}
