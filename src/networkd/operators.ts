import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { type OperatorSpec, operatorId } from '../resources/network/operator_spec.ts';
import type { MakeOperator, Observed, Operator, OperatorOutputs } from './operator.ts';

/** A wanted operator and its link, where that is there. */
export interface WantedOperator {
  readonly spec: OperatorSpec;
  readonly link: (Observed & { readonly index: number }) | undefined;
}

/** Makes each kind of operator. */
export type OperatorKinds = Readonly<Record<OperatorSpec['operator'], MakeOperator>>;

interface Entry {
  spec: OperatorSpec;
  readonly index: number;
  readonly operator: Operator;
}

/**
 * The operators that run. An operator begins when its link is ready for the first time, and ends when nobody wants it or
 * its link is gone; another link of that name gets another operator.
 */
export class Operators {
  readonly #kinds: OperatorKinds;
  readonly #logger: Logger;
  readonly #entries = new Map<string, Entry>();
  readonly #ending = new Map<string, { readonly entry: Entry; readonly ended: Promise<void> }>();
  readonly #listeners = new Set<() => void>();
  readonly #broken = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor(kinds: OperatorKinds, logger: Logger) {
    this.#kinds = kinds;
    this.#logger = logger;
  }

  /** Calls `listener` when `outputs` or `busy` may have changed; the returned function ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts and ends operators so that those wanted run, and tells all of their links. After `close` it only tells. */
  sync(wanted: readonly WantedOperator[]): void {
    const byId = new Map(wanted.map(each => [operatorId(each.spec), each]));
    for (const [id, entry] of [...this.#entries]) {
      const next = byId.get(id);
      if (next?.link) entry.operator.observe(next.link);
      if (next?.link && next.link.index === entry.index && next.spec.ip === entry.spec.ip) entry.spec = next.spec;
      else if (!this.#closing) this.#end(id, entry);
    }
    for (const [id, { entry }] of this.#ending) entry.operator.observe(byId.get(id)?.link ?? GONE);
    if (this.#closing) return;
    for (const [id, { spec, link }] of byId) {
      // One that is still ending is waited for: its end calls for another turn.
      if (link?.isReady && !this.#entries.has(id) && !this.#ending.has(id)) this.#start(id, spec, link);
    }
  }

  /** What each of them wants now. */
  outputs(): readonly { readonly spec: OperatorSpec; readonly outputs: OperatorOutputs }[] {
    return [...this.#entries.values()].map(({ spec, operator }) => ({ spec, outputs: operator.outputs(spec) }));
  }

  /**
   * Ends all. Shared addresses are given up, so the controllers have to run until this resolves; leases stay wanted, for
   * an agent that comes back. Further calls wait for the same end.
   */
  close(): Promise<void> {
    this.#closing ??= this.#endAll();
    return this.#closing;
  }

  async #endAll(): Promise<void> {
    const running = [...this.#entries.values()].map(({ operator }) => operator.stop());
    await Promise.all([...running, ...[...this.#ending.values()].map(({ ended }) => ended)]);
  }

  #start(id: string, spec: OperatorSpec, link: NonNullable<WantedOperator['link']>): void {
    let operator: Operator;
    try {
      operator = this.#kinds[spec.operator](spec, () => this.#changed());
    } catch (error) {
      const text = `${id} can't run: ${errorMessage(error)}`;
      if (!this.#broken.has(text)) this.#logger.error(text);
      this.#broken.add(text);
      return;
    }
    this.#entries.set(id, { spec, index: link.index, operator });
    operator.observe(link);
    operator.start();
  }

  #end(id: string, entry: Entry): void {
    this.#entries.delete(id);
    const ended = entry.operator.stop().finally(() => {
      this.#ending.delete(id);
      this.#changed();
    });
    this.#ending.set(id, { entry, ended });
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

const GONE: Observed = { isReady: false, hardwareAddress: '', addresses: new Set() };
