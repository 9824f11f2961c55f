import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { generateCluster } from './cluster.ts';
import { Ctl } from './ctl.ts';
import { startMachine } from './machine.ts';
import { TestLan, type TestStation } from './netns.ts';
import { talosd } from './node.ts';
import { RunningProcess } from './process.ts';
import { until } from './until.ts';

export interface NetMachineOptions {
  /** `machine.network`. */
  readonly network: object;
  /** Where its API is to answer. */
  readonly address: string;
  readonly cards?: number;
  /** Further words of the kernel command line. */
  readonly kernelArguments?: readonly string[];
  /** Further files in its root. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A whole agent, as on a machine of metal, whose network is a namespace on a `TestLan`, and its client on that network. */
export class NetMachine {
  readonly lan: TestLan;
  readonly station: TestStation;
  readonly ctl: Ctl;
  readonly address: string;
  readonly talosconfig: string;
  readonly #folder: string;
  readonly #template: string;
  readonly #agent: RunningProcess;

  /** Starts it and waits until its API answers on the network. */
  static async start(options: NetMachineOptions): Promise<NetMachine> {
    const folder = await mkdtemp(join(tmpdir(), 'talosd-net-'));
    const lan = await TestLan.create();
    const { controlplane, talosconfig } = await generateCluster('talosd', join(folder, 'cluster'), options.address);
    const station = await lan.station(options.cards);
    const root = join(folder, 'machine');
    await mkdir(root);
    const parts = { folder, machine: root, lan, station, talosconfig };
    const machine = new NetMachine(options, parts, await readFile(controlplane, 'utf8'));
    const answers = async () => (await machine.ctl.run(machine.address, 'version')).code;
    await until(answers, code => code === 0).catch(async error => {
      await machine.remove();
      throw new Error(`the API does not answer:\n${machine.log}`, { cause: error });
    });
    return machine;
  }

  private constructor(
    { network, address, kernelArguments = [], files = {} }: NetMachineOptions,
    parts: { folder: string; machine: string; lan: TestLan; station: TestStation; talosconfig: string },
    template: string,
  ) {
    this.lan = parts.lan;
    this.station = parts.station;
    this.ctl = new Ctl(parts.lan, parts.talosconfig);
    this.address = address;
    this.talosconfig = parts.talosconfig;
    this.#folder = parts.folder;
    this.#template = template;
    this.#agent = startMachine({
      folder: parts.machine,
      namespace: parts.station.namespace,
      commandLine: ['talos.platform=metal', 'talos.config=file:///config.yaml', ...kernelArguments].join(' '),
      files: { 'config.yaml': this.config(network), ...files },
    });
  }

  /** The config of this machine with another `machine.network`. */
  config(network: object): string {
    const document = parseDocument(this.#template);
    document.setIn(['machine', 'install', 'disk'], '/dev/null');
    document.setIn(['machine', 'network'], network);
    return document.toString();
  }

  /** A file with that config. */
  async configFile(network: object): Promise<string> {
    const file = join(this.#folder, 'next.yaml');
    await writeFile(file, this.config(network));
    return file;
  }

  /** Everything that the agent logged. */
  get log(): string {
    return this.#agent.stderr;
  }

  /** Resolves when the log has a line with the text after its first `from` characters. */
  logged(text: string, from = 0, milliseconds = 60_000): Promise<void> {
    return this.#agent.waitFor(({ stderr }) => stderr.includes(text, from), milliseconds);
  }

  /** Standard output of a command of the client that must succeed. */
  output(...args: string[]): Promise<string> {
    return this.ctl.output(this.address, ...args);
  }

  /** What `events` prints of the past, as soon as `text` is in it. */
  async events(text: string): Promise<string> {
    const target = ['--talosconfig', this.talosconfig, '-e', this.address, '-n', this.address];
    const words = [process.execPath, ...talosd('ctl', 'events', '--tail', '-1', ...target)];
    const [first, ...rest] = this.lan.command(...words);
    const client = new RunningProcess(first, rest);
    await client.waitFor(({ stdout }) => stdout.includes(text));
    await client.stop('SIGINT');
    return client.stdout;
  }

  /** The rows of `get <kind>`, each as its cells. */
  async rows(kind: string): Promise<string[][]> {
    const lines = (await this.output('get', kind)).trimEnd().split('\n');
    return lines.map(line => line.trimEnd().split(/ {2,}/));
  }

  async remove(): Promise<void> {
    await Promise.all([this.ctl.stop(), this.#agent.stop('SIGKILL')]);
    await this.lan.remove();
    await rm(this.#folder, { recursive: true });
  }
}
