import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import {
  type Phase,
  type PowerCommand,
  powerCommands,
  type Sequence,
  type SequenceName,
  type Task,
} from './sequence.ts';

/** Where the engine's events go (sequences-and-services.md §2.4). */
export interface SequenceEvents {
  sequence(
    name: string,
    action: 'START' | 'STOP' | 'NOOP',
    error?: { code: 'LOCKED' | 'FATAL'; message: string },
  ): void;
  phase(name: string, action: 'START' | 'STOP'): void;
  task(name: string, action: 'START' | 'STOP'): void;
  restart(command: bigint): void;
}

/** Where a running sequence stands; read by `why`. */
export interface SequenceProgress {
  readonly name: SequenceName;
  /** Milliseconds since the epoch. */
  readonly since: number;
  phase?: string;
  /** When the phase began first; repeating it does not change this. */
  phaseSince?: number;
  tasks: { name: string; since: number; waitingFor?: string }[];
  /** Set while a failed phase waits to be repeated. */
  failure?: { message: string; since: number; attempt: number };
}

/** Log of a task goes `task <name> (<i>/<n>): <text>`; the owner of the log puts time and prefix around it. */
export interface SequencerLog extends Logger {
  task(head: string, message: string): void;
}

export interface SequencerOptions {
  readonly events: SequenceEvents;
  readonly log: SequencerLog;
  readonly clock: Clock;
}

/** The lock, held for one sequence before it runs: what must be done first is done under it. */
export interface SequenceHold {
  /** Runs the sequence and frees the lock at its end; rejects at once when a takeover came first. */
  run(sequence: Sequence): Promise<PowerCommand | undefined>;
  /** Frees the lock; nothing ran. */
  release(): void;
}

interface Running {
  readonly progress: SequenceProgress;
  readonly abort: AbortController;
  /** Resolves when it is over, however it went. */
  readonly done: Promise<void>;
  end(): void;
}

/** The power command that a task ended a sequence with, and how that reads in the sequence's last event. */
interface PowerEnd {
  readonly command: PowerCommand;
  readonly text: string;
}

const DEFAULT_TASK_DEADLINE = 5 * 60_000;
const ABANDON_AFTER = 10_000;
const TAKEOVER_PATIENCE = 60_000;
const FIRST_REPEAT = 1_000;
const LAST_REPEAT = 60_000;

/**
 * Runs sequences: phases in order, tasks of a phase together, one locked sequence at a time
 * (sequences-and-services.md §2.1–2.4).
 *
 * A run ends in one of these ways: `done`; a power command that a task returned; cancelled by a takeover; failed (the
 * first error of the failing phase, after all of its tasks have ended); refused because another sequence holds the lock.
 * Every way but the last has START and STOP events.
 */
export class Sequencer {
  readonly #options: SequencerOptions;
  #locked: Running | undefined;
  readonly #free = new Set<Running>();

  constructor(options: SequencerOptions) {
    this.#options = options;
  }

  /** The locked sequence that runs now, if any. */
  get current(): SequenceProgress | undefined {
    return this.#locked?.progress;
  }

  /** All running sequences, the locked one first. */
  get running(): SequenceProgress[] {
    return [...(this.#locked ? [this.#locked] : []), ...this.#free].map(run => run.progress);
  }

  /** Publishes the refusal and throws when `name` could not start now; call it before work that must not be half done. */
  assertUnlocked(name: string): void {
    if (!this.#locked) return;
    this.#options.events.sequence(name, 'NOOP', { code: 'LOCKED', message: 'sequence not started: locked' });
    throw new TalosdError('failed_precondition', `locked: the ${this.#locked.progress.name} sequence is running`);
  }

  /**
   * Runs one sequence to its end. `takeover` cancels the sequence that holds the lock and waits for it; `force` ignores
   * the lock. Resolves with the power command a task asked for, if any.
   */
  async run(
    sequence: Sequence,
    options: { force?: boolean; takeover?: boolean } = {},
  ): Promise<PowerCommand | undefined> {
    const takesLock = sequence.locks && !options.force;
    if (takesLock) {
      if (options.takeover) await this.#takeOver();
      return this.hold(sequence.name).run(sequence);
    }
    const run = this.#begin(sequence.name);
    this.#free.add(run);
    try {
      return await this.#execute(sequence, run.progress, run.abort.signal);
    } finally {
      this.#free.delete(run);
      run.end();
    }
  }

  /** Takes the lock for a sequence that is about to run; throws as `assertUnlocked` does. */
  hold(name: SequenceName): SequenceHold {
    this.assertUnlocked(name);
    const run = this.#begin(name);
    this.#locked = run;
    const release = () => {
      if (this.#locked === run) this.#locked = undefined;
      run.end();
    };
    return {
      release,
      run: async sequence => {
        try {
          run.abort.signal.throwIfAborted();
          return await this.#execute(sequence, run.progress, run.abort.signal);
        } finally {
          release();
        }
      },
    };
  }

  #begin(name: SequenceName): Running {
    const ended = Promise.withResolvers<void>();
    const progress: SequenceProgress = { name, since: this.#options.clock.now(), tasks: [] };
    return { progress, abort: new AbortController(), done: ended.promise, end: ended.resolve };
  }

  async #takeOver(): Promise<void> {
    const holder = this.#locked;
    if (!holder) return;
    holder.abort.abort(new TalosdError('canceled', 'context canceled'));
    const patience = new AbortController();
    await Promise.race([
      holder.done.finally(() => patience.abort()),
      this.#options.clock.sleep(TAKEOVER_PATIENCE, patience.signal).catch(() => {}),
    ]);
    if (this.#locked === holder) {
      throw new TalosdError(
        'deadline_exceeded',
        `failed to acquire lock: the ${holder.progress.name} sequence did not stop within a minute`,
      );
    }
  }

  async #execute(
    sequence: Sequence,
    progress: SequenceProgress,
    signal: AbortSignal,
  ): Promise<PowerCommand | undefined> {
    const { events, log, clock } = this.#options;
    const started = clock.monotonic();
    log.info(`${sequence.name} sequence: ${sequence.phases.length} phase(s)`);
    events.sequence(sequence.name, 'START');
    let end: PowerEnd | undefined;
    try {
      for (const [index, phase] of sequence.phases.entries()) {
        end = await this.#runPhase(sequence, phase, index, progress, signal);
        signal.throwIfAborted();
        if (end) break;
      }
    } catch (error) {
      log.info(`${sequence.name} sequence: failed`);
      events.sequence(sequence.name, 'STOP');
      events.sequence(sequence.name, 'NOOP', { code: 'FATAL', message: `sequence failed: ${errorMessage(error)}` });
      throw error;
    }
    events.sequence(sequence.name, 'STOP');
    if (!end) log.info(`${sequence.name} sequence: done: ${formatDuration(clock.monotonic() - started)}`);
    // Clients of this API learn of a reboot from an error event, so a sequence that ends in one publishes it (§2.4).
    else events.sequence(sequence.name, 'NOOP', { code: 'FATAL', message: `sequence failed: ${end.text}` });
    return end?.command;
  }

  /** Runs one phase; where the sequence repeats failed phases, until it succeeds or is cancelled. */
  async #runPhase(
    sequence: Sequence,
    phase: Phase,
    index: number,
    progress: SequenceProgress,
    signal: AbortSignal,
  ): Promise<PowerEnd | undefined> {
    const { log, clock } = this.#options;
    for (let attempt = 1, pause = FIRST_REPEAT; ; attempt++, pause = Math.min(pause * 2, LAST_REPEAT)) {
      try {
        const end = await this.#attemptPhase(sequence, phase, index, progress, signal);
        progress.failure = undefined;
        return end;
      } catch (error) {
        if (!sequence.repeatsFailedPhases || signal.aborted) throw error;
        progress.failure = { message: errorMessage(error), since: progress.failure?.since ?? clock.now(), attempt };
        log.warn(`phase ${phase.name} (${index + 1}/${sequence.phases.length}): repeating in ${pause / 1000}s`);
        await clock.sleep(pause, signal);
      }
    }
  }

  async #attemptPhase(
    sequence: Sequence,
    phase: Phase,
    index: number,
    progress: SequenceProgress,
    signal: AbortSignal,
  ): Promise<PowerEnd | undefined> {
    const { events, log, clock } = this.#options;
    const head = `phase ${phase.name} (${index + 1}/${sequence.phases.length})`;
    const started = clock.monotonic();
    log.info(`${head}: ${phase.tasks.length} tasks(s)`);
    events.phase(phase.name, 'START');
    if (progress.phase !== phase.name) progress.phaseSince = clock.now();
    progress.phase = phase.name;
    const total = phase.tasks.length;
    const results = await Promise.allSettled(
      phase.tasks.map((task, position) =>
        this.#runTask(task, `task ${task.name} (${position + 1}/${total})`, progress, signal),
      ),
    );
    events.phase(phase.name, 'STOP');
    const where = (position: number) =>
      `error running phase ${index + 1} in ${sequence.name} sequence: task ${position + 1}/${total}: failed`;
    for (const [position, result] of results.entries()) {
      if (result.status === 'rejected') {
        log.info(`${head}: failed`);
        if (signal.aborted) throw signal.reason;
        throw new TalosdError('unknown', `${where(position)}, ${errorMessage(result.reason)}`, {
          cause: result.reason,
        });
      }
    }
    for (const [position, result] of results.entries()) {
      const command = result.status === 'fulfilled' && result.value;
      if (command) return { command, text: `${where(position)}, unix.Reboot(${powerCommands[command].toString(16)})` };
    }
    log.info(`${head}: done, ${formatDuration(clock.monotonic() - started)}`);
    return undefined;
  }

  async #runTask(
    task: Task,
    head: string,
    progress: SequenceProgress,
    signal: AbortSignal,
  ): Promise<PowerCommand | undefined> {
    const { events, log, clock } = this.#options;
    const started = clock.monotonic();
    const entry: SequenceProgress['tasks'][number] = { name: task.name, since: clock.now() };
    progress.tasks.push(entry);
    log.info(`${head}: starting`);
    events.task(task.name, 'START');
    try {
      const command = await this.#withDeadline(task, signal, {
        log: message => log.task(head, message),
        waitingFor: reason => {
          entry.waitingFor = reason;
        },
      });
      if (command) events.restart(powerCommands[command]);
      else log.info(`${head}: done, ${formatDuration(clock.monotonic() - started)}`);
      return command ?? undefined;
    } catch (error) {
      log.error(`${head}: failed: ${errorMessage(error)}`);
      throw error;
    } finally {
      progress.tasks = progress.tasks.filter(other => other !== entry);
      events.task(task.name, 'STOP');
    }
  }

  /** A task that ignores its aborted signal is abandoned after ten seconds, so that no sequence hangs for ever. */
  async #withDeadline(
    task: Task,
    signal: AbortSignal,
    context: { log(message: string): void; waitingFor(reason: string | undefined): void },
  ): Promise<PowerCommand | undefined | void> {
    const { clock } = this.#options;
    const own = new AbortController();
    const forward = () => own.abort(signal.reason);
    if (signal.aborted) forward();
    else signal.addEventListener('abort', forward, { once: true });
    const deadline = task.deadline ?? DEFAULT_TASK_DEADLINE;
    const cancelDeadline = Number.isFinite(deadline)
      ? clock.after(deadline, () =>
          own.abort(new TalosdError('deadline_exceeded', `not done after ${deadline / 1000}s`)),
        )
      : () => {};
    let cancelAbandon = () => {};
    const abandoned = new Promise<never>((_, reject) => {
      own.signal.addEventListener('abort', () => {
        cancelAbandon = clock.after(ABANDON_AFTER, () => reject(own.signal.reason));
      });
    });
    try {
      return await Promise.race([
        Promise.resolve().then(() => task.run({ signal: own.signal, ...context })),
        abandoned,
      ]);
    } finally {
      signal.removeEventListener('abort', forward);
      cancelDeadline();
      cancelAbandon();
    }
  }
}
