import { constants } from 'node:os';
import { execa, type Options, type Result } from 'execa';
import { TalosdError } from '../lib/errors.ts';

/** How to run a program. */
export interface ExecOptions {
  /** Kill the program after this many milliseconds; default 60 s, 0 = never. */
  readonly timeoutMs?: number;
  /** Kills the program when it aborts. */
  readonly signal?: AbortSignal;
  /** Added to the minimal environment (PATH, HOME, LANG=C.UTF-8). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to the program's standard input, which is empty otherwise. */
  readonly input?: string | Uint8Array;
  /** Most characters kept of each output; a program that writes more is killed and has failed. Default 16 Mi. */
  readonly maxOutput?: number;
}

/** How a program ended. A program that failed, or could not be started, is data: `exec` does not throw. */
export interface ExecResult {
  /** Anything but exit code 0. */
  readonly failed: boolean;
  readonly timedOut: boolean;
  /** Killed because the caller's signal aborted. */
  readonly canceled: boolean;
  /** The signal that ended it, where one did. */
  readonly signal: NodeJS.Signals | undefined;
  /** Undefined when a signal ended it or it never started. */
  readonly exitCode: number | undefined;
  /** `ENOENT` and the like, when it could not be started. */
  readonly errorCode: string | undefined;
  /** One line that says what went wrong, without outputs; empty on success. */
  readonly shortMessage: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** Runs one program to its end. Rooms take this type, so that tests can put a fake in its place. */
export type Exec = (file: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

/** A program that stays: `ended` never rejects, `kill` escalates to SIGKILL after five seconds. */
export interface RunningProgram {
  readonly pid: number | undefined;
  readonly ended: Promise<ExecResult>;
  kill(): void;
  /** Reads no more of what it says, so that it has to wait, until `resume`. */
  pause(): void;
  resume(): void;
}

/** How long a program may take between SIGTERM and SIGKILL, milliseconds. */
const KILL_GRACE = 5000;

/** Runs a program without a shell, with a minimal environment, a time limit and an escalating kill. */
export const exec: Exec = async (file, args, options = {}) => {
  const result = await execa(file, args, {
    ...common(options),
    timeout: options.timeoutMs ?? 60_000,
    maxBuffer: options.maxOutput ?? 16 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
  });
  return toResult(result);
};

/** As `exec`, but a failure throws a `TalosdError` (`internal`) with the program's short message and last error line. */
export async function execOrThrow(file: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult> {
  const result = await exec(file, args, options);
  if (result.failed) throw execError(result);
  return result;
}

/** The error a failed program stands for. */
export function execError(result: ExecResult): TalosdError {
  const code = result.timedOut ? 'deadline_exceeded' : result.canceled ? 'canceled' : 'internal';
  const last = result.stderr.trimEnd().split('\n').at(-1) ?? '';
  return new TalosdError(code, last ? `${result.shortMessage}: ${last}` : result.shortMessage);
}

/**
 * Starts a program that runs until it is killed, and hands on its output line by line. Nothing is kept of it; of standard
 * error everything is, unless `onErrorLine` takes it: a program that talks for months needs that. With `inChunks` output is
 * handed on as it comes, not line by line: for those whom only that there is some interests.
 */
export function startProgram(
  file: string,
  args: readonly string[],
  onLine: (line: string) => void,
  options: Pick<ExecOptions, 'signal' | 'env' | 'cwd'> & {
    readonly onErrorLine?: (line: string) => void;
    readonly inChunks?: boolean;
  } = {},
): RunningProgram {
  const { onErrorLine, inChunks = false } = options;
  const buffer = { stdout: false, stderr: onErrorLine === undefined };
  const child = execa(file, args, { ...common(options), stdin: 'ignore', buffer });
  const lines = (async () => {
    if (inChunks) child.stdout?.on('data', (chunk: Buffer) => onLine(chunk.toString()));
    else for await (const line of child.iterable()) onLine(String(line));
  })();
  const errorLines = (async () => {
    if (onErrorLine) for await (const line of child.iterable({ from: 'stderr' })) onErrorLine(String(line));
  })();
  const ended = Promise.allSettled([child, lines, errorLines]).then(([outcome]) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return toResult(outcome.value);
  });
  return {
    pid: child.pid,
    ended,
    kill: () => void child.kill(),
    pause: () => void child.stdout?.pause(),
    resume: () => void child.stdout?.resume(),
  };
}

function common(options: ExecOptions) {
  return {
    reject: false,
    extendEnv: false,
    env: minimalEnvironment(options.env),
    stripFinalNewline: false,
    forceKillAfterDelay: KILL_GRACE,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  } satisfies Options;
}

function minimalEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: process.env.HOME ?? '/root',
    LANG: 'C.UTF-8',
    ...extra,
  };
}

function toResult(result: Result): ExecResult {
  return {
    failed: result.failed,
    timedOut: result.timedOut,
    canceled: result.isCanceled,
    signal: result.signal && result.signal in constants.signals ? (result.signal as NodeJS.Signals) : undefined,
    exitCode: result.exitCode,
    errorCode: 'code' in result && typeof result.code === 'string' ? result.code : undefined,
    shortMessage: 'shortMessage' in result ? (result.shortMessage ?? '') : '',
    stdout: text(result.stdout),
    stderr: text(result.stderr),
    durationMs: result.durationMs,
  };
}

function text(output: unknown): string {
  return typeof output === 'string' ? output : '';
}
