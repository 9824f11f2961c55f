import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import type { ServiceProcess, StartServiceProcess } from '../../system/service-process.ts';
import type { LogBuffers } from '../log-buffers.ts';
import { endingOf, endingWithin, type Runner } from '../runner.ts';
import type { RecordState } from '../state.ts';

const GRACE = 10_000;

/** What a process runner needs. */
export interface ProcessOptions {
  readonly id: string;
  /** Program (absolute path) and its arguments. */
  readonly args: readonly [string, ...string[]];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logs: LogBuffers;
  readonly clock: Clock;
  readonly start: StartServiceProcess;
}

/**
 * Runs a program of its own process group (sequences-and-services.md §3.3). Both of its outputs go to the service's log. Its end
 * takes the rest of its group along, so that nothing is left behind.
 */
export class ProcessRunner implements Runner {
  readonly name: string;
  readonly #options: ProcessOptions;
  #current: ServiceProcess | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.name = `Process([${options.args.map(arg => JSON.stringify(arg)).join(' ')}])`;
  }

  get pid(): number | undefined {
    return this.#current?.pid;
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  terminate(): boolean {
    this.#current?.kill('SIGTERM');
    return this.#current !== undefined;
  }

  async run(record: RecordState, stop: AbortSignal): Promise<void> {
    if (stop.aborted) return;
    const child = await this.#start();
    this.#current = child;
    record('Running', `Process ${this.name} started with PID ${child.pid}`);

    const ended = endingOf(child.ended);
    const asked = new Promise<undefined>(resolve => {
      const onStop = () => resolve(undefined);
      stop.addEventListener('abort', onStop, { once: true });
      void ended.then(() => stop.removeEventListener('abort', onStop));
      if (stop.aborted) onStop();
    });
    try {
      const ending = await Promise.race([ended, asked]);
      if (ending?.error !== undefined) throw ending.error;
      if (ending) return;

      record('Stopping', `Sending SIGTERM to ${this.name}`);
      child.kill('SIGTERM');
      if (await endingWithin(ended, GRACE, this.#options.clock)) return;
      record('Stopping', `Sending SIGKILL to ${this.name}`);
      child.kill('SIGKILL');
      await ended;
    } finally {
      this.#current = undefined;
    }
  }

  async #start(): Promise<ServiceProcess> {
    const { id, args, env, logs, start } = this.#options;
    logs.register(id);
    try {
      return await start(args, { env, onOutput: data => logs.write(id, data) });
    } catch (error) {
      throw new TalosdError('unknown', `error starting process: ${errorMessage(error)}`, { cause: error });
    }
  }
}
