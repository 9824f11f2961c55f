import { randomInt } from 'node:crypto';
import { runProcess } from './process.ts';

/** Runs a program that must succeed; resolves with its standard output. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProcess(program, args);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}

/** A network of the test's own: a namespace with one bridge, into which virtual machines are plugged. */
export class TestLan {
  readonly namespace: string;
  #taps = 0;

  private constructor(namespace: string) {
    this.namespace = namespace;
  }

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

  /** The words that run a program in here. */
  command(...words: string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.namespace, ...words];
  }

  /** Runs `ip` in here. */
  ip(...args: string[]): Promise<string> {
    return must('ip', '-n', this.namespace, ...args);
  }

  /** A socket of the bridge for a virtual machine's cable; the name of its tap. */
  async plug(): Promise<string> {
    const tap = `tap${this.#taps++}`;
    await this.ip('tuntap', 'add', tap, 'mode', 'tap');
    await this.ip('link', 'set', tap, 'master', 'lan', 'up');
    return tap;
  }

  /** Ends the network; whatever still runs in it is killed. */
  async remove(): Promise<void> {
    const pids = (await must('ip', 'netns', 'pids', this.namespace)).split('\n').filter(Boolean);
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    await must('ip', 'netns', 'del', this.namespace);
  }
}
