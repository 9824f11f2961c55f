import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nodeFlags from '../../scripts/node-flags.json' with { type: 'json' };
import { type ProcessResult, RunningProcess } from './process.ts';

/** Folder of the project. */
export const project = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');

const MAIN = join(project, 'src', 'main.ts');

/** Arguments for this Node that run `talosd` from the sources. */
export const talosd = (...args: string[]): string[] => [MAIN, ...args];

export interface NodeOptions {
  /** Its address: ports 50000 and 50001 of it. */
  readonly listen: string;
  /** Folder below which it keeps everything; made here. */
  readonly state: string;
  /** Machine config; without it the node makes its own. */
  readonly config?: string;
  /** Network namespace to run in. */
  readonly namespace?: string;
}

/** A node as an ordinary process, as `npm start` starts it. */
export class TestNode {
  readonly address: string;
  readonly state: string;
  readonly #process: RunningProcess;

  /** Starts it and waits until its API answers. */
  static async start(options: NodeOptions): Promise<TestNode> {
    const node = new TestNode(options);
    try {
      await node.#process.waitFor(({ stdout }) => stdout.includes('talosd is up'), 60_000);
    } catch (error) {
      await node.stop('SIGKILL');
      throw error;
    }
    return node;
  }

  private constructor({ listen, state, config, namespace }: NodeOptions) {
    this.address = listen;
    this.state = state;
    const run = talosd('run', '--listen', listen, '--state', state, '--verbose');
    const args = [...nodeFlags, ...run, ...(config === undefined ? [] : ['--config', config])];
    const env = { ...process.env, PLATFORM: 'local' };
    this.#process =
      namespace === undefined
        ? new RunningProcess(process.execPath, args, { env })
        : new RunningProcess('ip', ['netns', 'exec', namespace, process.execPath, ...args], { env });
  }

  get pid(): number {
    return this.#process.child.pid ?? 0;
  }

  /** The node's own log so far. */
  get log(): string {
    return this.#process.stderr;
  }

  get isRunning(): boolean {
    return this.#process.child.exitCode === null && this.#process.child.signalCode === null;
  }

  /** The credentials of the owner of a node that made its own config. */
  get talosconfig(): string {
    return join(this.state, 'talosconfig');
  }

  /** Resolves when the log has at least `count` lines with `text`. */
  waitForLog(text: string, count = 1, milliseconds = 60_000): Promise<void> {
    return this.#process.waitFor(({ stderr }) => stderr.split(text).length > count, milliseconds);
  }

  /** Resolves when it has ended by itself. */
  end(): Promise<ProcessResult> {
    return this.#process.end();
  }

  /** Ends it as Ctrl-C does, or with another signal. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProcessResult> {
    return this.#process.stop(signal);
  }
}

/** What a suite made, undone in turn, last first. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown>)[] = [];

  add<T>(thing: T, undo: (thing: T) => Promise<unknown>): T {
    this.#steps.push(() => undo(thing));
    return thing;
  }

  /** A folder of the suite's own. */
  async folder(name: string, parent = tmpdir()): Promise<string> {
    const folder = await mkdtemp(join(parent, `talosd-${name}-`));
    return this.add(folder, path => rm(path, { recursive: true, force: true }));
  }

  async node(options: NodeOptions): Promise<TestNode> {
    await mkdir(options.state, { recursive: true, mode: 0o700 });
    return this.add(await TestNode.start(options), node => node.stop());
  }

  async run(): Promise<void> {
    const problems: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) await step().catch(error => problems.push(error));
    if (problems.length > 0) throw new AggregateError(problems, 'not everything could be undone');
  }
}
