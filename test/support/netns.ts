import { randomInt } from 'node:crypto';
import { runProcess } from './process.ts';

/** Runs a program that must succeed; resolves with its standard output. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess(program, args);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A network namespace of the test's own. */
class Namespace {
  readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** The words that run a program in here. */
  command(...words: string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.namespace, ...words];
  }

  /** Runs a program in here that must succeed; resolves with its standard output. */
  run(...words: string[]): Promise<string> {
    const [program, ...rest] = this.command(...words);
    return must(program, ...rest);
  }

  /** Runs `ip` in here. */
  ip(...args: string[]): Promise<string> {
    return must('ip', '-n', this.namespace, ...args);
  }

  /** Ends the network; whatever still runs in it is killed. */
  async remove(): Promise<void> {
    const pids = (await must('ip', 'netns', 'pids', this.namespace)).split('\n').filter(Boolean);
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    await must('ip', 'netns', 'del', this.namespace);
  }
}

/** A namespace that stands for a machine on a `TestLan`: its cards are eth0, eth1, …, all down at first. */
export class TestStation extends Namespace {
  /** The other ends of the cards, on the bridge. */
  readonly sockets: readonly string[];

  constructor(namespace: string, sockets: readonly string[]) {
    super(namespace);
    this.sockets = sockets;
  }
}

/** A network of the test's own: a namespace with one bridge, into which machines are plugged. */
export class TestLan extends Namespace {
  readonly #stations: TestStation[] = [];
  #taps = 0;

  static async create(): Promise<TestLan> {
    const lan = new TestLan(`talosd-${process.pid}-${randomInt(1_000_000)}`);
    await must('ip', 'netns', 'add', lan.namespace);
    try {
      await lan.ip('link', 'set', 'lo', 'up');
      await lan.ip('link', 'add', 'lan', 'type', 'bridge');
      await lan.ip('addr', 'add', `${lan.address(1)}/24`, 'dev', 'lan');
      await lan.ip('link', 'set', 'lan', 'up');
    } catch (error) {
      await lan.remove();
      throw error;
    }
    return lan;
  }

  /** The address of a station; 1 is the bridge itself, 2 the first machine. All are in one /24. */
  address(station: number): string {
    return `10.5.0.${station}`;
  }

  /** A socket of the bridge for a virtual machine's cable; the name of its tap. */
  async plug(): Promise<string> {
    const tap = `tap${this.#taps++}`;
    await this.ip('tuntap', 'add', tap, 'mode', 'tap');
    await this.ip('link', 'set', tap, 'master', 'lan', 'up');
    return tap;
  }

  /** A machine made of a namespace, with as many cards on this network. */
  async station(cards = 1): Promise<TestStation> {
    const number = this.#stations.length;
    const namespace = `${this.namespace}-${number}`;
    const sockets = Array.from({ length: cards }, (_, card) => `s${number}c${card}`);
    await must('ip', 'netns', 'add', namespace);
    const station = new TestStation(namespace, sockets);
    this.#stations.push(station);
    for (const [card, socket] of sockets.entries()) {
      await this.ip('link', 'add', socket, 'type', 'veth', 'peer', 'name', `eth${card}`, 'netns', namespace);
      await this.ip('link', 'set', socket, 'master', 'lan', 'up');
    }
    return station;
  }

  override async remove(): Promise<void> {
    for (const station of this.#stations.splice(0)) await station.remove();
    await super.remove();
  }
}
