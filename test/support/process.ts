import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended and what it said. */
export interface ProcessResult {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What the process reads from its input; none without it. */
  readonly input?: 'pipe';
}

/** A program that runs beside the test: its output so far, and events in it to wait for instead of sleeping. */
export class RunningProcess {
  readonly child: ChildProcess;
  readonly #title: string;
  readonly #text = { stdout: '', stderr: '' };
  readonly #listeners = new Set<() => void>();
  readonly #ended: Promise<ProcessResult>;
  #result: ProcessResult | undefined;

  constructor(program: string, args: readonly string[], options: ProcessOptions = {}) {
    this.#title = [program, ...args].join(' ');
    const { cwd, env, input } = options;
    this.child = spawn(program, args, { cwd, env, stdio: [input ?? 'ignore', 'pipe', 'pipe'] });
    for (const name of ['stdout', 'stderr'] as const)
      this.child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this.#text[name] += text;
        for (const listener of [...this.#listeners]) listener();
      });
    this.#ended = once(this.child, 'close').then(([code, signal]) => {
      this.#result = { code: code ?? undefined, signal: signal ?? undefined, ...this.#text };
      for (const listener of [...this.#listeners]) listener();
      return this.#result;
    });
  }

  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  /** Resolves as soon as `isThere` holds for the output so far; rejects with all output when the process ends or time is up. */
  waitFor(isThere: (process: this) => boolean, milliseconds = 30_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (problem?: string) => {
        this.#listeners.delete(look);
        clearTimeout(timer);
        if (problem === undefined) resolve();
        else reject(new Error(`${this.#title}: ${problem}\n${this.stdout}\n${this.stderr}`));
      };
      const look = () => {
        if (isThere(this)) finish();
        else if (this.#result) finish(`ended with ${this.#result.code ?? this.#result.signal} before what was awaited`);
      };
      const timer = setTimeout(() => finish(`what was awaited did not come in ${milliseconds} ms`), milliseconds);
      this.#listeners.add(look);
      look();
    });
  }

  /** Resolves when the process has ended by itself; kills it and rejects when it takes too long. */
  async end(milliseconds = 30_000): Promise<ProcessResult> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.child.kill('SIGKILL');
    }, milliseconds);
    const result = await this.#ended;
    clearTimeout(timer);
    if (isLate) throw new Error(`${this.#title}: still ran after ${milliseconds} ms\n${this.stdout}\n${this.stderr}`);
    return result;
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', milliseconds = 15_000): Promise<ProcessResult> {
    if (!this.#result) this.child.kill(signal);
    return this.end(milliseconds);
  }
}

/** Runs a program to its end. */
export async function runProcess(
  program: string,
  args: readonly string[],
  options: ProcessOptions & { milliseconds?: number } = {},
): Promise<ProcessResult> {
  return new RunningProcess(program, args, options).end(options.milliseconds);
}
