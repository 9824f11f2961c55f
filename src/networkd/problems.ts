import { decodeConfig } from '../config/decode.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

/** Something of the network that is wanted and cannot be, and what wants it: a path into the config, or a layer. */
export interface NetworkProblem {
  readonly message: string;
  readonly cause: string;
}

/** Tells each problem once when it comes up, with the place in the config that causes it. */
export class ProblemReporter {
  readonly #log: Logger;
  readonly #document: () => Uint8Array | undefined;
  readonly #known = new Map<string, ReadonlySet<string>>();

  /** `document` is the machine config in use. */
  constructor(options: { log: Logger; document: () => Uint8Array | undefined }) {
    this.#log = options.log;
    this.#document = options.document;
  }

  /** Takes all present problems of one part of networkd. */
  report(part: string, problems: readonly NetworkProblem[]): void {
    const before = this.#known.get(part);
    const texts = new Map(problems.map(problem => [`${problem.message} ${problem.cause}`, problem]));
    this.#known.set(part, new Set(texts.keys()));
    const fresh = [...texts].filter(([text]) => !before?.has(text)).map(([, problem]) => problem);
    if (fresh.length === 0) return;
    const place = this.#places();
    for (const { message, cause } of fresh) this.#log.error(`${message} (${place(cause)})`);
  }

  /** Every problem that is there now, as text. */
  get current(): readonly string[] {
    return [...this.#known.values()].flatMap(texts => [...texts]);
  }

  /** The document is read again, since problems are rare and positions many. */
  #places(): (cause: string) => string {
    const bytes = this.#document();
    if (!bytes) return cause => cause;
    try {
      const { positions } = decodeConfig(bytes, { file: 'config.yaml', unknownKeys: 'note' });
      return cause => {
        if (!/^machine[.[]/.test(cause)) return cause;
        const { file, line, column } = positions.locate(cause);
        return `${file}:${line}:${column}: ${cause}`;
      };
    } catch (error) {
      this.#log.warn(`places in the machine config are not known: ${errorMessage(error)}`);
      return cause => cause;
    }
  }
}
