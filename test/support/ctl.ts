import { LineCalls } from './line-calls.ts';
import { project } from './node.ts';
import { RunningProcess } from './process.ts';

/** How a command of the client ended and what it said. */
export interface CtlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `talosd ctl` inside a network namespace, started once: a command costs what its calls cost. */
export class Ctl {
  readonly #talosconfig: string;
  readonly #process: RunningProcess;
  readonly #calls: LineCalls<CtlResult>;

  constructor(lan: { command(...words: string[]): [string, ...string[]] }, talosconfig: string) {
    this.#talosconfig = talosconfig;
    const [program, ...args] = lan.command(process.execPath, `${project}/test/support/ctl-process.ts`);
    this.#process = new RunningProcess(program, args, { input: 'pipe' });
    const { stdin, stdout } = this.#process.child;
    this.#calls = new LineCalls<CtlResult>(
      line => stdin?.write(line),
      line => {
        const { number, ...answer } = JSON.parse(line) as CtlResult & { number: number };
        return { number, answer };
      },
    );
    stdout?.on('data', text => this.#calls.receive(text));
    this.#process.child.once('close', () => this.#calls.end(`the client has ended: ${this.#process.stderr}`));
  }

  /** Runs a command for the node at an address. */
  run(node: string, ...args: string[]): Promise<CtlResult> {
    const all = [...args, '--talosconfig', this.#talosconfig, '-e', node, '-n', node];
    return this.#calls.call(number => JSON.stringify({ number, args: all }), `ctl ${args.join(' ')}`, 60_000);
  }

  /** Standard output of a command that must succeed and say nothing on standard error. */
  async output(node: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(node, ...args);
    if (code !== 0 || stderr !== '') throw new Error(`ctl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  async stop(): Promise<void> {
    await this.#process.stop('SIGKILL');
  }
}
