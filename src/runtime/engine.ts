import { setImmediate as nextRound } from 'node:timers/promises';
import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, isCanceledError, TalosdError } from '../lib/errors.ts';
import type { Scope } from '../lib/scope.ts';
import { ControllerContext } from './context.ts';
import type { Controller } from './controller.ts';
import { checkOutputs, type DependencyEdge, dependencyEdges } from './dependencies.ts';
import type { Store } from './store.ts';

/** What the engine is built from. */
export interface EngineOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Takes one line of the log `controller-runtime`, date and name included, without its newline. */
  readonly log: (line: string) => void;
  /** Between 0 and 1; spreads the waits after failures. */
  readonly random?: () => number;
}

const BACKOFF = { initial: 500, factor: 1.5, cap: 60_000, jitter: 0.5 };

/** Runs controllers from `start` until the scope closes (spec/resources.md §3). */
export class ControllerEngine {
  readonly #options: EngineOptions;
  readonly #runners: Runner[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Adds a controller before `start`; throws `conflict` for a name or an output that is taken. */
  register(controller: Controller): void {
    const others = this.#runners.map(runner => runner.controller);
    if (others.some(({ name }) => name === controller.name)) {
      throw new TalosdError('conflict', `controller "${controller.name}" already registered`);
    }
    checkOutputs(controller, others);
    this.#runners.push(new Runner(controller, this.#options));
  }

  /** Starts every controller; they end, and are waited for, when `scope` closes. */
  start(scope: Scope): void {
    const running = this.#runners.map(runner => runner.run(scope.signal));
    scope.add(async () => {
      await Promise.all(running);
    });
  }

  /** The graph of controllers, outputs and inputs, in the order of the inspect API. */
  dependencies(): DependencyEdge[] {
    const started = this.#runners.filter(runner => runner.started);
    return dependencyEdges(
      this.#runners.map(runner => runner.controller),
      started.map(runner => runner.controller),
    );
  }

  /** Whether any controller has a turn to do; one that waits after a failure has none. */
  get busy(): boolean {
    return this.#runners.some(runner => runner.busy);
  }
}

/**
 * The life of one controller:
 *
 *     starting ─► waiting ⇄ turn ──(signal)──► finished
 *        ▲                   │
 *        └── back-off ◄── failed
 *
 * A trigger during a turn or the back-off is remembered once; each start queues one.
 */
class Runner {
  readonly controller: Controller;
  started = false;
  readonly #options: EngineOptions;
  readonly #backoff: Backoff;
  #state: 'idle' | 'turn' | 'backoff' = 'idle';
  #pending = false;
  #sourceFailure: { error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(controller: Controller, options: EngineOptions) {
    this.controller = controller;
    this.#options = options;
    this.#backoff = new Backoff(BACKOFF, options.random);
  }

  get busy(): boolean {
    return this.started && this.#state !== 'backoff' && (this.#pending || this.#state === 'turn');
  }

  async run(signal: AbortSignal): Promise<void> {
    this.started = true;
    const endListening = this.#listen();
    const onAbort = () => this.#wake();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      this.#log('controller starting');
      try {
        await this.#turns(signal);
      } catch (error) {
        await this.#failed(error, signal);
      }
    }
    signal.removeEventListener('abort', onAbort);
    endListening();
    this.#pending = false;
    this.#state = 'idle';
    this.#log('controller finished');
  }

  async #turns(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const context = new ControllerContext(this.#options.store, this.controller, {
      signal: AbortSignal.any([signal, stop.signal]),
      log: message => this.#log(message),
      queueReconcile: this.#trigger,
    });
    try {
      this.#startSources(context.signal);
      this.#trigger();
      for (;;) {
        await this.#triggered(signal);
        if (signal.aborted) return;
        this.#pending = false;
        if (this.#sourceFailure) throw this.#sourceFailure.error;
        await this.controller.reconcile(context);
        this.#state = 'idle';
        this.#backoff.reset();
      }
    } finally {
      stop.abort();
      this.#sourceFailure = undefined;
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted && isCanceledError(error)) return;
    this.#log(`controller failed: ${failureText(this.controller.name, error)}`);
    const wait = this.#backoff.next();
    this.#log(`restarting controller in ${formatDuration(BigInt(Math.round(wait * 1e6)))}`);
    this.#state = 'backoff';
    try {
      await this.#options.clock.sleep(wait, signal);
    } catch (reason) {
      if (!signal.aborted) throw reason;
    }
    this.#state = 'idle';
  }

  /** Resolves when a turn is wanted or the controller must stop, never in the same round of the event loop. */
  async #triggered(signal: AbortSignal): Promise<void> {
    if (!this.#pending && !signal.aborted) {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
    this.#state = 'turn';
    await nextRound();
  }

  #startSources(signal: AbortSignal): void {
    for (const source of this.controller.sources ?? []) {
      const onFailure = (error: unknown) => {
        if (signal.aborted) return;
        this.#sourceFailure = { error };
        this.#trigger();
      };
      Promise.resolve(source(this.#trigger, signal)).catch(onFailure);
    }
  }

  #listen(): () => void {
    const ends = this.controller.inputs.map(({ namespace, type, id }) =>
      this.#options.store.listen(namespace, type, changed => {
        if (id === undefined || id === changed) this.#trigger();
      }),
    );
    return () => {
      for (const end of ends) end();
    };
  }

  readonly #trigger = (): void => {
    if (this.#pending) return; // one turn sees the changes of thousands
    this.#pending = true;
    this.#wake();
  };

  #log(message: string): void {
    this.#options.log(`${logDate(this.#options.clock.now())}  ${this.controller.name}: ${message}`);
  }
}

/** The error's text; of a mistake in our own code its stack too (spec/resources.md §3.3). */
function failureText(name: string, error: unknown): string {
  const isMistake =
    !(error instanceof Error) ||
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError;
  if (!isMistake) return error.message;
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return `controller "${name}" panicked: ${errorMessage(error)}\n\n${stack}`;
}

/** `YYYY/MM/DD HH:MM:SS` in local time (spec/resources.md §3.4). */
function logDate(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
