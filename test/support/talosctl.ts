import { talosd } from './node.ts';
import { type ProcessResult, RunningProcess } from './process.ts';
import { talosctl } from './requires.ts';

export interface ClientOptions {
  readonly talosconfig: string;
  readonly endpoint: string;
  /** Default: the endpoint itself. */
  readonly nodes?: readonly string[];
  /** Network namespace to run in. */
  readonly namespace?: string;
  /** Words that start the client; default the real one. */
  readonly program?: readonly string[];
}

/** The real client where it is there, else `talosd ctl`, for what both do alike. */
export const ANY_CLIENT: readonly string[] = talosctl.met ? [talosctl.path] : [process.execPath, ...talosd('ctl')];

/** The real client, with one talosconfig, endpoint and set of nodes. */
export class Talosctl {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** The same client for other nodes. */
  on(...nodes: string[]): Talosctl {
    return new Talosctl({ ...this.#options, nodes });
  }

  /** The whole command line of `talosctl args`. */
  command(...args: string[]): [string, ...string[]] {
    const { talosconfig, endpoint, nodes = [endpoint], namespace, program = [talosctl.path] } = this.#options;
    const target = ['--talosconfig', talosconfig, '-e', endpoint, '-n', nodes.join(',')];
    const [first = '', ...rest] = [...program, ...args, ...target];
    return namespace === undefined ? [first, ...rest] : ['ip', 'netns', 'exec', namespace, first, ...rest];
  }

  /** Starts a command that goes on: wait for what it prints, then `stop('SIGINT')` as Ctrl-C does. */
  start(...args: string[]): RunningProcess {
    return this.startWith({}, ...args);
  }

  /** The same with further environment variables. */
  startWith(variables: NodeJS.ProcessEnv, ...args: string[]): RunningProcess {
    const [program, ...words] = this.command(...args);
    return new RunningProcess(program, words, { env: { ...clientEnvironment(), ...variables } });
  }

  /** Runs a command to its end. */
  run(...args: string[]): Promise<ProcessResult> {
    return this.start(...args).end();
  }

  /** Standard output of a command that must succeed and say nothing on standard error. */
  async output(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0 || stderr !== '') throw new Error(`talosctl ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }
}

/** Times in UTC, no talosconfig but the one named. */
export function clientEnvironment(): NodeJS.ProcessEnv {
  const { TALOSCONFIG: _, ...env } = process.env;
  return { ...env, TZ: 'UTC' };
}

/** Cells of a table of the client, header first; columns stand three spaces apart. */
export function cells(table: string): string[][] {
  return table
    .trimEnd()
    .split('\n')
    .map(line => line.trimEnd().split(/ {2,}/));
}

/**
 * An output with everything replaced that differs from run to run: addresses as `names` says, process ids, ages and
 * durations, widths of columns.
 */
export function normalise(text: string, names: Readonly<Record<string, string>>): string {
  let plain = text;
  for (const [address, name] of Object.entries(names)) plain = plain.replaceAll(address, name);
  return plain
    .replace(/\(PID \d+\)/g, '(PID <pid>)')
    .replace(/\b(\d+[hms])+ ago/g, '<age> ago')
    .replace(/ +$/gm, '')
    .replace(/ {3,}/g, '   ');
}
