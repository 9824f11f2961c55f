import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import nodeFlags from '../../scripts/node-flags.json' with { type: 'json' };
import type { TestStation } from './netns.ts';
import type { Command } from './networkd-process.ts';
import { project } from './node.ts';
import { type ProcessResult, RunningProcess } from './process.ts';

/** Something that networkd did, as `networkd-process.ts` tells it. */
export interface NetworkdEvent {
  readonly info?: string;
  readonly warn?: string;
  readonly error?: string;
  /** A program that ran to its end, and how many lines it was given. */
  readonly ran?: string;
  readonly lines?: number;
  readonly accepted?: boolean;
  readonly configured?: boolean;
  readonly failed?: string;
  readonly answers?: boolean;
  readonly vip?: string;
  readonly controllers?: string;
  readonly shown?: readonly { readonly id: string; readonly spec: Readonly<Record<string, unknown>> }[];
  /** When, milliseconds of that process's own clock. */
  readonly at: number;
}

/** networkd alone in a namespace: the real code, the real kernel, commands in and events out. */
export class TestNetworkd {
  readonly #folder: string;
  readonly #process: RunningProcess;

  /** Starts it, with a `machine.network` where there is one, and waits for its first whole turn. */
  static async start(
    station: TestStation,
    folder: string,
    { mode = 'manage', commandLine = '', config }: { mode?: string; commandLine?: string; config?: object } = {},
  ): Promise<TestNetworkd> {
    const networkd = new TestNetworkd(station, folder, [mode, commandLine]);
    if (config) await networkd.use(config);
    await networkd.event(({ configured }) => configured === true);
    return networkd;
  }

  private constructor(station: TestStation, folder: string, args: readonly string[]) {
    this.#folder = folder;
    const script = join(project, 'test', 'support', 'networkd-process.ts');
    const [program, ...words] = station.command(process.execPath, ...nodeFlags, script, folder, ...args);
    this.#process = new RunningProcess(program, words, { input: 'pipe' });
  }

  /** Everything so far. */
  get events(): readonly NetworkdEvent[] {
    return this.#process.stdout
      .split('\n')
      .filter(Boolean)
      .flatMap(line => {
        try {
          return [JSON.parse(line) as NetworkdEvent];
        } catch {
          return []; // the last line, half of it
        }
      });
  }

  /** What it logged so far, a line each, without what says only that something goes well. */
  get problems(): string[] {
    return this.events.flatMap(({ warn, error, failed }) => warn ?? error ?? failed ?? []);
  }

  get log(): string[] {
    return this.events.flatMap(({ info, warn, error }) => info ?? warn ?? error ?? []);
  }

  /** The programs that it ran after the event number `from`. */
  ranSince(from: number): string[] {
    return this.events.slice(from).flatMap(({ ran }) => ran ?? []);
  }

  /** Resolves with the first event after number `from` for which `isIt` holds. */
  async event(isIt: (event: NetworkdEvent) => boolean, from = 0, milliseconds = 30_000): Promise<NetworkdEvent> {
    let found: NetworkdEvent | undefined;
    await this.#process.waitFor(() => {
      found = this.events.slice(from).find(isIt);
      return found !== undefined;
    }, milliseconds);
    return found!;
  }

  /** Resolves when a line of its log after event number `from` contains the text. */
  async logged(text: string | RegExp, from = 0, milliseconds = 30_000): Promise<NetworkdEvent> {
    const isIt = (line: string | undefined) =>
      line !== undefined && (typeof text === 'string' ? line.includes(text) : text.test(line));
    return this.event(({ info, warn, error }) => isIt(info ?? warn ?? error), from, milliseconds);
  }

  /** Gives it another `machine.network`; resolves with the number of events so far. */
  async use(network: object, machine: object = {}): Promise<number> {
    const config = stringify({ machine: { type: 'init', token: 't', network, ...machine }, cluster: {} });
    return this.useText(config);
  }

  /** Gives it a whole config. */
  async useText(config: string): Promise<number> {
    const from = this.events.length;
    this.#send({ config });
    await this.event(({ accepted }) => accepted === true, from);
    return from;
  }

  /** The resources of a type. */
  async show(type: string): Promise<NonNullable<NetworkdEvent['shown']>> {
    const from = this.events.length;
    this.#send({ show: type });
    return (await this.event(({ shown }) => shown !== undefined, from)).shown!;
  }

  /** Has it take or give up the shared address of a link; resolves when it has. */
  async vip(link: string, order: 'take' | 'release'): Promise<void> {
    const from = this.events.length;
    this.#send({ vip: { link, order } });
    const { failed } = await this.event(({ vip, failed }) => vip !== undefined || failed !== undefined, from);
    if (failed !== undefined) throw new Error(failed);
  }

  /** Whether a neighbour answers ARP or neighbour discovery. */
  async answers(link: string, address: string): Promise<boolean> {
    const from = this.events.length;
    this.#send({ probe: { link, address } });
    const { answers, failed } = await this.event(
      event => event.answers !== undefined || event.failed !== undefined,
      from,
    );
    if (answers === undefined) throw new Error(failed);
    return answers;
  }

  /** A file of /etc that it wrote. */
  file(name: 'hosts' | 'resolv.conf'): Promise<string> {
    return readFile(join(this.#folder, 'files', 'etc', name), 'utf8');
  }

  /** Ends it as the agent does. */
  async stop(): Promise<ProcessResult> {
    this.#process.child.stdin?.end();
    return this.#process.end();
  }

  /** Ends it as a crash does. */
  kill(): Promise<ProcessResult> {
    return this.#process.stop('SIGKILL');
  }

  #send(command: Command): void {
    this.#process.child.stdin?.write(`${JSON.stringify(command)}\n`);
  }
}
