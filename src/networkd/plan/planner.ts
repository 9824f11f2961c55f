import type { Operation } from '../../system/ip-operations.ts';
import type { NetworkSnapshot } from '../../system/network-snapshot.ts';
import { Draft } from './draft.ts';
import type { Owned, Plan, PlanProblem, Wanted } from './types.ts';

/** `Owned` while it is being changed. */
interface OwnedDraft extends Owned {
  readonly links: Set<string>;
  readonly members: Set<string>;
  readonly addresses: Set<string>;
  readonly routes: Set<string>;
  readonly mtus: Map<string, number>;
  readonly options: Map<string, readonly string[]>;
}

/** A plan in the making: the steps so far, and the network as those steps leave it. */
export class Planner {
  readonly wanted: Wanted;
  readonly draft: Draft;
  /** What was ours before this plan. */
  readonly before: Owned;
  readonly owned: OwnedDraft;
  readonly #operations: Operation[] = [];
  readonly #problems: PlanProblem[] = [];

  constructor(wanted: Wanted, observed: NetworkSnapshot, owned: Owned) {
    this.wanted = wanted;
    this.draft = new Draft(observed);
    this.before = owned;
    this.owned = {
      links: new Set(owned.links),
      members: new Set(owned.members),
      addresses: new Set(owned.addresses),
      routes: new Set(owned.routes),
      mtus: new Map(owned.mtus),
      options: new Map(owned.options),
    };
  }

  /** Adds a step, and makes the draft follow it. */
  step(operation: Operation): void {
    this.#operations.push(operation);
    const link = 'name' in operation ? this.draft.links.get(operation.name) : undefined;
    switch (operation.kind) {
      case 'create-link':
        this.draft.create(operation.name, operation.link);
        break;
      case 'delete-link':
        this.draft.delete(operation.name);
        break;
      case 'bond-options':
        if (link) link.options = { ...link.options, ...operation.options };
        break;
      case 'up':
        if (link) link.isUp = true;
        break;
      case 'down':
        this.draft.down(operation.name);
        break;
      case 'mtu':
        this.draft.setMtu(operation.name, operation.mtu);
        break;
      case 'enslave':
        this.draft.enslave(operation.name, operation.master);
        break;
      case 'release':
        this.draft.release(operation.name);
        break;
      case 'add-address':
        this.draft.addAddress(operation.link, operation.address);
        break;
      case 'delete-address':
        this.draft.deleteAddress(operation.link, operation.address);
        break;
      default: // routes are looked at once each, last (see routes.ts)
    }
  }

  problem(message: string, cause: string): void {
    this.#problems.push({ message, cause });
  }

  get plan(): Plan {
    return { operations: this.#operations, problems: this.#problems, owned: this.owned };
  }
}
