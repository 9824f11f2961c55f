/** The sequences of sequences-and-services.md §2.2. */
export type SequenceName =
  | 'applyConfiguration'
  | 'boot'
  | 'bootstrap'
  | 'initialize'
  | 'install'
  | 'shutdown'
  | 'upgrade'
  | 'stageUpgrade'
  | 'reset'
  | 'reboot';

/** What the machine is asked to do when a sequence is over; the values are those of reboot(2), as `RestartEvent.cmd` carries them. */
export const powerCommands = {
  restart: 0x1234567n,
  powerOff: 0x4321fedcn,
  halt: 0xcdef0123n,
} as const;

export type PowerCommand = keyof typeof powerCommands;

/** What a task gets. */
export interface TaskContext {
  /** Aborts when the sequence is cancelled by a takeover, or the task's deadline passes. */
  readonly signal: AbortSignal;
  /** One line to the node's log, headed by the task's name. */
  log(message: string): void;
  /** Says what the task is waiting for (`undefined`: nothing any more); shown by `why`. */
  waitingFor(reason: string | undefined): void;
}

/** One step: a call into a domain. A returned power command ends the sequence with it. */
export interface Task {
  readonly name: string;
  /** Milliseconds until the task is given up; `Infinity` only for waits for a person. Default five minutes. */
  readonly deadline?: number;
  run(context: TaskContext): Promise<PowerCommand | undefined | void>;
}

/** Tasks that run together. */
export interface Phase {
  readonly name: string;
  readonly tasks: readonly Task[];
}

/** Phases that run one after the other. */
export interface Sequence {
  readonly name: SequenceName;
  readonly phases: readonly Phase[];
  /** `false` for bootstrap and reset, which run beside anything else (§2.3). */
  readonly locks: boolean;
  /** Repeat a failed phase with back-off instead of failing: initialize and boot, which have nobody to report to but the API. */
  readonly repeatsFailedPhases: boolean;
}

/** A phase whose only task has the phase's name or another. */
export function phase(name: string, ...tasks: Task[]): Phase {
  return { name, tasks };
}

/** A task from a function. */
export function task(name: string, run: Task['run'], deadline?: number): Task {
  return { name, run, deadline };
}
