import { errorMessage, TalosdError } from '../../lib/errors.ts';
import type { Command, Io, OptionSpec, OptionValues } from '../command.ts';
import { ApiClient } from './client.ts';
import { contextCredentials } from './credentials.ts';
import { Output } from './output.ts';
import { loadTarget, type Target, type TargetFlags } from './target.ts';
import { TARGET_OPTIONS } from './target-options.ts';

/** What a command of `talosd ctl` consists of. */
export interface CtlSpec {
  args: string;
  /** What it does, in a sentence or two. */
  help: string;
  /** Command lines to imitate, without `talosd ctl`. */
  examples: readonly string[];
  options?: readonly OptionSpec[];
  /** Its name where it takes one node only. */
  single?: string;
  /** Does it; the exit code, 0 where nothing is returned. */
  run(session: Session, args: readonly string[], options: OptionValues): Promise<number | void>;
}

/** A {@link Command} of the CLI: adds the common flags, Ctrl-C, an output that can close, and one-line errors. */
export function ctlCommand(spec: CtlSpec): Command {
  const examples = spec.examples.map(example => `  talosd ctl ${example}`).join('\n');
  return {
    args: spec.args,
    help: `${spec.help}\n\nExamples:\n${examples}`,
    options: [...(spec.options ?? []), ...TARGET_OPTIONS],
    run: async (args, options, io) => {
      const session = new Session(io, targetFlags(options), spec.single);
      try {
        return (await spec.run(session, args, options)) ?? 0;
      } catch (error) {
        if (!session.signal.aborted) throw error;
        return session.abortCode;
      } finally {
        session.close();
      }
    },
  };
}

/** The surroundings of one running command. */
export class Session {
  readonly io: Io;
  readonly flags: TargetFlags;
  readonly out: Output;
  /** Exit code of a command that was cut short: 0 when the reader of its output went away, else 130. */
  abortCode = 130;
  readonly #single: string | undefined;
  readonly #abort = new AbortController();
  readonly #onSignal = () => this.#abort.abort(new TalosdError('canceled', 'interrupted'));
  readonly #closers: (() => void)[] = [];
  #opened: { target: Target; client: ApiClient } | undefined;

  constructor(io: Io, flags: TargetFlags, single?: string) {
    this.io = io;
    this.flags = flags;
    this.#single = single;
    this.out = new Output(io.stdout, error => {
      if (error.code === 'EPIPE') this.abortCode = 0;
      else this.warn(`error writing the output: ${errorMessage(error)}`);
      this.#abort.abort(error);
    });
    // Once each: the second Ctrl-C ends the process the ordinary way.
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, this.#onSignal);
  }

  /** Aborts on Ctrl-C and when nobody reads the output any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The nodes that the command is for; empty when that is the endpoint itself. */
  get nodes(): readonly string[] {
    return this.#open().target.nodes;
  }

  /** The connection to the cluster of the talosconfig, opened at first use. */
  get client(): ApiClient {
    return this.#open().client;
  }

  /** A client of this session's own making, closed with it. */
  adopt(client: ApiClient): ApiClient {
    this.#closers.push(() => client.close());
    return client;
  }

  /** One line to stderr. */
  warn(line: string): void {
    this.io.stderr.write(`${line}\n`);
  }

  close(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, this.#onSignal);
    for (const close of this.#closers) close();
    this.out.release();
  }

  #open(): { target: Target; client: ApiClient } {
    if (!this.#opened) {
      const target = loadTarget(this.flags, this.io);
      if (this.#single && target.nodes.length > 1) {
        throw new TalosdError('invalid_argument', `command "${this.#single}" is not supported with multiple nodes`);
      }
      const credentials = (host: string) => contextCredentials(target, host);
      const client = this.adopt(new ApiClient(target.endpoints, credentials, target.nodes, this.signal));
      this.#opened = { target, client };
    }
    return this.#opened;
  }
}

function targetFlags(options: OptionValues): TargetFlags {
  return {
    talosconfig: options.string('talosconfig'),
    context: options.string('context'),
    nodes: options.list('nodes'),
    endpoints: options.list('endpoints'),
  };
}
