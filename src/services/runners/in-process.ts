import type { Clock } from '../../lib/clock.ts';
import { errorMessage, isCanceledError, TalosdError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { stopReason } from '../conditions.ts';
import { type LogBuffers, serviceLogger } from '../log-buffers.ts';
import { type Ending, endingOf, endingWithin, type Runner } from '../runner.ts';
import type { RecordState } from '../state.ts';

const GRACE = 10_000;
const KILL_GRACE = 1_000;

/** A part of this very process that runs as a service. */
export interface Part {
  /**
   * Runs until `signal` aborts (or until the part is done, or breaks). Calls `ready` when it does its work, and writes its log to
   * `log`. May be called again after it has ended.
   */
  run(signal: AbortSignal, ready: () => void, log: Logger): Promise<void>;
  /** Drops whatever keeps `run` from ending: called when it has not ended ten seconds after its signal aborted. */
  kill?(): void;
}

/** What an in-process runner needs. */
export interface InProcessOptions {
  readonly id: string;
  readonly part: Part;
  /**
   * Whether messages speak of a task in a container, as clients know it of apid and its like, or of a goroutine, as they know it
   * of machined (sequences-and-services.md §3.5).
   */
  readonly shape: 'container' | 'goroutine';
  readonly logs: LogBuffers;
  readonly clock: Clock;
  /** Process id in the messages. */
  readonly pid?: number;
}

/** Runs a part of this process. It has the process's own id, and SIGTERM is its signal aborting. */
export class InProcessRunner implements Runner {
  readonly name: string;
  readonly #options: InProcessOptions;
  readonly #pid: number;
  #current: AbortController | undefined;
  #lingering = false;

  constructor(options: InProcessOptions) {
    this.#options = options;
    this.#pid = options.pid ?? process.pid;
    this.name = options.shape === 'goroutine' ? `Goroutine("${options.id}")` : `Containerd(${options.id})`;
  }

  get pid(): number | undefined {
    return this.#current && this.#pid;
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  terminate(): boolean {
    this.#current?.abort(stopReason());
    return this.#current !== undefined;
  }

  async run(record: RecordState, stop: AbortSignal): Promise<void> {
    const { id, part, shape, logs, clock } = this.#options;
    if (stop.aborted) return;
    if (this.#lingering) throw new TalosdError('unknown', `task "${id}" of the run before has not ended yet`);

    const isContainer = shape === 'container';
    const task = `task ${id} (PID ${this.#pid}, container ${id})`;
    const started = isContainer
      ? `Started task ${id} (PID ${this.#pid}) for container ${id}`
      : 'Service started as goroutine';
    const log = serviceLogger(logs, id, clock);
    logs.register(id);

    const term = new AbortController();
    this.#current = term;
    const onStop = () => {
      if (isContainer) record('Stopping', `Sending SIGTERM to ${task}`);
      term.abort(stopReason());
    };
    stop.addEventListener('abort', onStop, { once: true });

    let isReady = false;
    const ready = () => {
      if (isReady || term.signal.aborted || this.#current !== term) return;
      isReady = true;
      record('Running', started);
    };
    const ended = endingOf((async () => part.run(term.signal, ready, log))());
    const asked = new Promise<undefined>(resolve => {
      term.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });

    let ending: Ending | undefined;
    try {
      ending = await Promise.race([ended, asked]);
      ending ??= await endingWithin(ended, GRACE, clock);
      if (!ending) {
        if (isContainer && stop.aborted) record('Stopping', `Sending SIGKILL to ${task}`);
        part.kill?.();
        ending = await endingWithin(ended, KILL_GRACE, clock);
      }
    } finally {
      stop.removeEventListener('abort', onStop);
      this.#current = undefined;
    }

    if (!ending) {
      this.#lingering = true;
      void ended.then(() => {
        this.#lingering = false;
      });
      throw new TalosdError('unknown', `task "${id}" does not end`);
    }
    if (ending.error === undefined || (term.signal.aborted && isCanceledError(ending.error))) return;
    if (!stop.aborted) throw ending.error;
    log.error(`error while stopping: ${errorMessage(ending.error)}`);
  }
}
