import { Backoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { addressId } from '../resources/network/address_spec.ts';
import type { Exec } from '../system/exec.ts';
import { applyOperations } from '../system/ip.ts';
import { linksOf, type Operation, type Refusal, renderOperation } from '../system/ip-operations.ts';
import type { NetworkSnapshot } from '../system/network-snapshot.ts';
import type { Ownership } from './ownership.ts';
import { planNetwork } from './plan/plan.ts';
import { type Owned, routeIdentity, type Wanted } from './plan/types.ts';
import type { ProblemReporter } from './problems.ts';

/** The network of this namespace, as last listed. */
export interface ObservedNetwork {
  readonly snapshot: NetworkSnapshot;
  /** Calls back after each change; the returned function ends that. */
  onChange(listener: (snapshot: NetworkSnapshot) => void): () => void;
  /** Whether it is being changed: the last listing says what was before. All are called back at the end. */
  readonly isChanging: boolean;
  /** Does what changes the network in `count` places, and lists it when that is done. */
  during(count: number, change: () => Promise<void>): Promise<void>;
}

/** What the applier works with. */
export interface ApplierOptions {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly network: ObservedNetwork;
  readonly ownership: Ownership;
  readonly problems: ProblemReporter;
  readonly log: Logger;
}

/** An operation that the kernel refused, and when it is tried again (monotonic milliseconds). */
interface Held {
  readonly refusal: Refusal;
  readonly backoff: Backoff;
  due: number;
}

/** A refused change of a bond takes its traffic away each time, so it is tried less and less often. */
const RETRY = { initial: 1000, factor: 2, cap: 60_000, jitter: 0 };
const RETRY_BOND = { ...RETRY, cap: 600_000 };

/**
 * Brings the kernel's network in line with the wanted one: plans, records what becomes ours, applies with one run of
 * `ip`, lists again with another. What the kernel refuses is told and tried again later; the rest is not held up.
 */
export class NetworkApplier {
  readonly #options: ApplierOptions;
  /** By the line of the operation. */
  #held = new Map<string, Held>();

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** What this agent owns. */
  owned(): Promise<Owned> {
    return this.#options.ownership.load();
  }

  /** One turn. Returns the milliseconds after which refused operations want another one, if there are any. */
  async turn(wanted: Wanted): Promise<number | undefined> {
    const { exec, network, ownership, problems, log } = this.#options;
    const plan = planNetwork(wanted, network.snapshot, await ownership.load());
    const lines = this.#held.size === 0 ? [] : plan.operations.map(renderOperation);
    this.#forget(lines);
    const operations = this.#timely(plan.operations, lines);
    const owned = without(plan.owned, this.#waiting());
    if (operations.length === 0) await ownership.save(owned);
    else {
      const fresh = operations.filter(operation => !this.#isRetried(operation));
      if (fresh.length > 0) log.info(`changing the network: ${summary(fresh)}`);
      await network.during(operations.length, async () => {
        const refusals = await applyOperations(exec, operations, ownership.save(owned));
        await this.#hold(operations, refusals, owned);
      });
    }
    const refused = [...this.#held.values()].map(({ refusal }) => ({
      message: describe(refusal),
      cause: refusal.operation.cause,
    }));
    problems.report('kernel', [...plan.problems, ...refused]);
    const dues = [...this.#held.values()].map(({ due }) => due);
    return dues.length === 0 ? undefined : Math.max(1, Math.min(...dues) - this.#now());
  }

  /** What nobody plans any more is not refused any more. */
  #forget(lines: readonly string[]): void {
    if (this.#held.size === 0) return;
    const planned = new Set(lines);
    this.#held = new Map([...this.#held].filter(([line]) => planned.has(line)));
  }

  /** Whether the operation was refused before, or stands on a link that was. */
  #isRetried(operation: Operation): boolean {
    if (this.#held.size === 0) return false;
    if (this.#held.has(renderOperation(operation))) return true;
    const links = new Set(linksOf(operation));
    return [...this.#held.values()].some(
      ({ refusal: { operation: refused } }) => refused.kind === 'create-link' && links.has(refused.name),
    );
  }

  /** What is not to be tried yet. */
  #waiting(): Refusal[] {
    const now = this.#now();
    return [...this.#held.values()].filter(({ due }) => due > now).map(({ refusal }) => refusal);
  }

  /** Leaves out what was refused a short while ago, and the steps that only prepare it or stand on it. */
  #timely(operations: readonly Operation[], lines: readonly string[]): readonly Operation[] {
    if (this.#held.size === 0) return operations;
    const waiting = this.#waiting();
    const waitingLines = new Set(waiting.map(({ operation }) => renderOperation(operation)));
    const bonds = new Set(waiting.filter(({ operation }) => isBondStep(operation)).map(held => held.operation.cause));
    const missing = new Set(
      waiting.flatMap(({ operation }) => (operation.kind === 'create-link' ? operation.name : [])),
    );
    return operations.filter((operation, index) => {
      if (waitingLines.has(lines[index]!) || linksOf(operation).some(link => missing.has(link))) return false;
      return !(bonds.has(operation.cause) && isBondStep(operation));
    });
  }

  async #hold(operations: readonly Operation[], refusals: readonly Refusal[], owned: Owned): Promise<void> {
    const refused = new Map(refusals.map(refusal => [renderOperation(refusal.operation), refusal]));
    if (this.#held.size > 0) {
      for (const operation of operations) {
        const line = renderOperation(operation);
        if (!refused.has(line)) this.#held.delete(line);
      }
    }
    for (const [line, refusal] of refused) {
      const backoff = this.#held.get(line)?.backoff ?? new Backoff(isBondStep(refusal.operation) ? RETRY_BOND : RETRY);
      this.#held.set(line, { refusal, backoff, due: this.#now() + backoff.next() });
    }
    if (refusals.length > 0) await this.#options.ownership.save(without(owned, refusals));
  }

  #now(): number {
    return Number(this.#options.clock.monotonic() / 1_000_000n);
  }
}

function isBondStep({ kind }: Operation): boolean {
  return kind === 'bond-options' || kind === 'down' || kind === 'release' || kind === 'enslave';
}

/** What was not made is not ours. */
function without(owned: Owned, refusals: readonly Refusal[]): Owned {
  if (refusals.length === 0) return owned;
  const links = new Set(owned.links);
  const members = new Set(owned.members);
  const addresses = new Set(owned.addresses);
  const routes = new Set(owned.routes);
  for (const { operation } of refusals) {
    if (operation.kind === 'create-link') links.delete(operation.name);
    if (operation.kind === 'enslave') members.delete(`${operation.name} ${operation.master}`);
    if (operation.kind === 'add-address') addresses.delete(addressId(operation));
    if (operation.kind === 'add-route') routes.delete(routeIdentity(operation));
  }
  return { ...owned, links, members, addresses, routes };
}

/** In the words of spec/network.md §1.2. */
function describe({ operation, message }: Refusal): string {
  if (operation.kind === 'create-link') {
    const what = operation.link.type === 'vlan' ? 'sub interface nic' : 'nic';
    return `error creating ${what} ${JSON.stringify(operation.name)}: ${message}`;
  }
  const link = 'name' in operation ? operation.name : operation.link;
  return `error configuring nic ${JSON.stringify(link)}: ${renderOperation(operation)}: ${message}`;
}

function summary(operations: readonly Operation[]): string {
  if (operations.length <= 3) return operations.map(renderOperation).join('; ');
  const counts = new Map<string, number>();
  for (const { kind } of operations) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).join(', ');
}
