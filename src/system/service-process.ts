import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { osError, TalosdError } from '../lib/errors.ts';

/** A running program that leads a process group of its own. */
export interface ServiceProcess {
  readonly pid: number;
  /** Resolves at exit status 0, rejects with `exit status <n>` or `signal: <name>` otherwise; the whole group has ended then. */
  readonly ended: Promise<void>;
  /** SIGTERM goes to the program, SIGKILL to its whole group. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

/** Starts a program; rejects with `fork/exec <path>: <reason>` when that is not possible. Rooms take this type. */
export type StartServiceProcess = (
  args: readonly [string, ...string[]],
  options: { readonly env: Readonly<Record<string, string>>; onOutput(data: Uint8Array): void },
) => Promise<ServiceProcess>;

/** How long output that is still under way is waited for after the group has ended, milliseconds. */
const OUTPUT_GRACE = 1_000;

const SIGNAL_TEXTS: Record<string, string> = {
  SIGABRT: 'aborted',
  SIGALRM: 'alarm clock',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGHUP: 'hangup',
  SIGILL: 'illegal instruction',
  SIGINT: 'interrupt',
  SIGKILL: 'killed',
  SIGPIPE: 'broken pipe',
  SIGQUIT: 'quit',
  SIGSEGV: 'segmentation fault',
  SIGSYS: 'bad system call',
  SIGTERM: 'terminated',
  SIGTRAP: 'trace/breakpoint trap',
};

/** Starts a program that stays: own process group, no standard input, both outputs handed on as they come. */
export const startServiceProcess: StartServiceProcess = async ([file, ...args], { env, onOutput }) => {
  const child = spawn(file, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', onOutput);
  child.stderr.on('data', onOutput);
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw osError('fork/exec', file, error);
  }
  const pid = child.pid!;
  return {
    pid,
    ended: untilEnded(child, pid),
    kill: signal => void signalProcess(signal === 'SIGKILL' ? -pid : pid, signal),
  };
};

async function untilEnded(child: ChildProcess, pid: number): Promise<void> {
  const closed = new Promise(resolve => child.once('close', resolve));
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  signalProcess(-pid, 'SIGKILL');
  const late = setTimeout(() => {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }, OUTPUT_GRACE);
  await closed;
  clearTimeout(late);
  if (signal) throw new TalosdError('unknown', `signal: ${SIGNAL_TEXTS[signal] ?? signal}`);
  if (code !== 0) throw new TalosdError('unknown', `exit status ${code}`);
}

/** False when there is nobody left to signal. */
function signalProcess(target: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(target, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
