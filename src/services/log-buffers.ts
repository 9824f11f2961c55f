import type { Clock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { shortText } from '../lib/short-text.ts';
import { CircularBuffer, type LogReadOptions } from './circular-buffer.ts';

/** Called with every piece of every log, for the console of a node that runs with `debug: true`. */
export type ConsoleCopy = (id: string, data: Uint8Array | string) => void;

/**
 * The in-memory logs of the node, one for each service that was ever started plus `machined` and `controller-runtime`
 * (sequences-and-services.md §3.9). A log outlives its service's restarts; nothing goes to disk.
 */
export class LogBuffers {
  readonly #buffers = new Map<string, CircularBuffer>();
  readonly #console: ConsoleCopy | undefined;

  constructor(options: { console?: ConsoleCopy } = {}) {
    this.#console = options.console;
  }

  get ids(): string[] {
    return [...this.#buffers.keys()].sort();
  }

  /** Makes the log `id` readable, even before its first line. */
  register(id: string): void {
    this.#buffer(id);
  }

  /** Appends bytes as they are, registering `id` where needed. */
  write(id: string, data: Uint8Array | string): void {
    if (typeof data === 'string') this.#buffer(id).writeText(data);
    else this.#buffer(id).write(data);
    this.#console?.(id, data);
  }

  /** Reads a log; throws `log "<id>" was not registered`. See {@link CircularBuffer.read}. */
  read(id: string, options: LogReadOptions): AsyncIterable<Uint8Array> {
    const buffer = this.#buffers.get(id);
    if (!buffer) throw new TalosdError('unknown', `log "${id}" was not registered`);
    return buffer.read(options);
  }

  #buffer(id: string): CircularBuffer {
    let buffer = this.#buffers.get(id);
    if (!buffer) {
      buffer = new CircularBuffer();
      this.#buffers.set(id, buffer);
    }
    return buffer;
  }
}

/** `2026/11/24 02:16:15`, UTC. */
function logDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replaceAll('-', '/').replace('T', ' ');
}

/** Dates of one log: the text of a second is made once, since most lines of a busy second share it. */
class LogDates {
  readonly #clock: Clock;
  #second = Number.NaN;
  #text = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `2026/11/24 02:16:15`, UTC. */
  seconds(now = this.#clock.now()): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = logDate(now);
    }
    return this.#text;
  }

  /** `2026/11/24 02:16:15.123000`, UTC. */
  microseconds(): string {
    const now = this.#clock.now();
    const fraction = String(Math.floor((now % 1000) * 1000)).padStart(6, '0');
    return `${this.seconds(now)}.${fraction}`;
  }
}

/** Clients stop at a line of 64 KiB and show nothing after it (spec/api.md §3.1); callers choose parts of some lines. */
const LONGEST_LINE = 16 * 1024;

function lineLogger(logs: LogBuffers, id: string, line: (message: string) => string): Logger {
  const write = (message: string) => logs.write(id, `${line(shortText(message, LONGEST_LINE))}\n`);
  return { info: write, warn: write, error: write };
}

/** The node's own log: `[talos] 2026/11/24 02:16:15 <text>` in `machined`, with the lines of running tasks among it. */
export interface NodeLogger extends Logger {
  /** `[talos] <head>: 2026/11/24 02:16:15 <text>`, with the head of a task such as `task loadConfig (1/1)`. */
  task(head: string, message: string): void;
}

/** Makes the node's own log (sequences-and-services.md §2.1, §3.9). */
export function nodeLogger(logs: LogBuffers, clock: Clock): NodeLogger {
  logs.register('machined');
  const dates = new LogDates(clock);
  return {
    ...lineLogger(logs, 'machined', message => `[talos] ${dates.seconds()} ${message}`),
    task: (head, message) => {
      logs.write('machined', `[talos] ${head}: ${dates.seconds()} ${shortText(message, LONGEST_LINE)}\n`);
    },
  };
}

/** Lines of a part of this agent in its service log: `2026/11/24 02:16:23.362956 <text>`. */
export function serviceLogger(logs: LogBuffers, id: string, clock: Clock): Logger {
  const dates = new LogDates(clock);
  return lineLogger(logs, id, message => `${dates.microseconds()} ${message}`);
}

/**
 * Access lines of `machined` (`machined 2026/11/24 02:18:21 OK […] …`) or of another part
 * (`2026/11/24 02:16:29.170950 log.go:98: OK […] …`): sequences-and-services.md §3.9. The caller writes what follows the prefix.
 */
export function accessLogger(logs: LogBuffers, id: string, clock: Clock): Logger {
  const dates = new LogDates(clock);
  if (id === 'machined') return lineLogger(logs, id, message => `machined ${dates.seconds()} ${message}`);
  const position = id === 'apid' || id === 'routerd' ? 98 : 77;
  return lineLogger(logs, id, message => `${dates.microseconds()} log.go:${position}: ${message}`);
}
