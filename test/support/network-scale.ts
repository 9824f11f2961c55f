import { existsSync } from 'node:fs';
import { TestLan, type TestStation } from './netns.ts';
import { TestNetworkd } from './networkd.ts';
import { Cleanup } from './node.ts';
import { RunningProcess } from './process.ts';
import { until } from './until.ts';

const ADDRESSES = 1000;
const ROUTES = 10_000;

const list = <T>(count: number, make: (high: number, low: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index >> 8, index & 255));
const ONE = { interface: 'eth0', cidr: '10.5.0.2/24' };
const MANY = {
  interfaces: [
    { ...ONE, routes: list(ROUTES, (high, low) => ({ network: `100.${64 + high}.${low}.0/24`, gateway: '10.5.0.1' })) },
    ...list(ADDRESSES, (high, low) => ({ interface: 'eth0', cidr: `10.7.${high}.${low}/32` })),
  ],
};
/** The same as lines of `ip -batch`. */
const LINES = [
  ...list(ADDRESSES, (high, low) => `addr add 10.7.${high}.${low}/32 dev eth0`),
  ...list(
    ROUTES,
    (high, low) => `route add 100.${64 + high}.${low}.0/24 via 10.5.0.1 dev eth0 proto boot src 10.5.0.2 metric 10`,
  ),
];

/** One change of the config to very much, and what it took. */
export interface Convergence {
  /** From the config to the end of the `ip -batch` that applies it, milliseconds. */
  readonly milliseconds: number;
  /** Programs that were run until nothing happened any more. */
  readonly programs: readonly string[];
  /** Routes that the kernel has then; all wanted ones are. */
  readonly routes: number;
}

/**
 * A thousand addresses and ten thousand routes, by networkd in one namespace and by one `ip -batch` in another. VLANs are
 * left out: the kernels that this runs on have none.
 */
export class NetworkScale {
  readonly #cleanup = new Cleanup();
  readonly #station: TestStation;
  readonly #other: TestStation;
  readonly #networkd: TestNetworkd;

  static async start(): Promise<NetworkScale> {
    const cleanup = new Cleanup();
    const lan = cleanup.add(await TestLan.create(), each => each.remove());
    const station = await lan.station();
    const other = await lan.station();
    await other.ip('link', 'set', 'eth0', 'up');
    await other.ip('addr', 'add', '10.5.0.2/24', 'dev', 'eth0');
    // What networkd keeps lies in memory on a machine: /system/run.
    const folder = await cleanup.folder('scale', existsSync('/dev/shm') ? '/dev/shm' : undefined);
    const started = await TestNetworkd.start(station, folder, { config: { interfaces: [ONE] } });
    return new NetworkScale(
      cleanup,
      station,
      other,
      cleanup.add(started, each => each.stop()),
    );
  }

  private constructor(cleanup: Cleanup, station: TestStation, other: TestStation, networkd: TestNetworkd) {
    this.#cleanup = cleanup;
    this.#station = station;
    this.#other = other;
    this.#networkd = networkd;
  }

  /** From next to nothing to all of it. */
  async converge(): Promise<Convergence> {
    await this.#networkd.use({ interfaces: [ONE] });
    await until(
      () => this.#routes(),
      routes => routes === 0,
    );
    await this.#rest();
    const from = await this.#networkd.use(MANY);
    const { at: began } = await this.#networkd.event(({ accepted }) => accepted === true, from);
    const isBatch = ({ ran = '', lines = 0 }) => ran.includes('-force') && lines > ROUTES;
    const { at: ended } = await this.#networkd.event(isBatch, from);
    await this.#rest();
    const programs = this.#networkd.ranSince(from);
    return { milliseconds: ended - began, programs, routes: await this.#routes() };
  }

  /** Programs that run when the config changes in what is not the kernel's network. */
  async again(): Promise<string[]> {
    const from = await this.#networkd.use({ ...MANY, nameservers: ['10.5.0.9'] });
    await until(
      () => this.#networkd.file('resolv.conf'),
      text => text === 'nameserver 10.5.0.9\n',
    );
    await this.#rest();
    return this.#networkd.ranSince(from);
  }

  /** The time of one `ip -batch` of the same lines, milliseconds. */
  async batch(): Promise<number> {
    const took = await this.#batch(LINES);
    await this.#batch(LINES.map(line => line.replace(' add ', ' del ')));
    return took;
  }

  get problems(): readonly string[] {
    return this.#networkd.problems;
  }

  remove(): Promise<void> {
    return this.#cleanup.run();
  }

  async #batch(lines: readonly string[]): Promise<number> {
    const began = performance.now();
    const [first, ...words] = this.#other.command('ip', '-batch', '-');
    const process = new RunningProcess(first, words, { input: 'pipe' });
    process.child.stdin?.end(`${lines.join('\n')}\n`);
    const { code, stderr } = await process.end();
    if (code !== 0) throw new Error(stderr);
    return performance.now() - began;
  }

  async #routes(): Promise<number> {
    return (await this.#station.ip('route', 'show', 'proto', 'boot')).split('\n').length - 1;
  }

  /** Nothing runs any more: changes are collected for less than half a second. */
  async #rest(): Promise<void> {
    await until(
      async () => {
        const before = this.#networkd.events.length;
        await new Promise(resolve => setTimeout(resolve, 700));
        return this.#networkd.events.length - before;
      },
      fresh => fresh === 0,
    );
  }
}
