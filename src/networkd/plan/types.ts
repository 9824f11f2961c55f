import type { AddressSpec } from '../../resources/network/address_spec.ts';
import type { LinkSpec } from '../../resources/network/link_spec.ts';
import type { RouteSpec } from '../../resources/network/route_spec.ts';
import type { Operation } from '../../system/ip-operations.ts';

/** The network as it shall be. Names of links are valid and unique, so are keys of routes. */
export interface Wanted {
  readonly links: readonly LinkSpec[];
  readonly addresses: readonly AddressSpec[];
  readonly routes: readonly RouteSpec[];
  /** Families on links (`familyOn`) of which nothing goes for now. */
  readonly awaited?: ReadonlySet<string>;
}

/** What this agent has made or changed, so that it may take it back. Everything else is foreign and stays as it is. */
export interface Owned {
  readonly links: ReadonlySet<string>;
  /** `<member> <bond>`. */
  readonly members: ReadonlySet<string>;
  /** `addressId` of each. */
  readonly addresses: ReadonlySet<string>;
  /** `routeIdentity` of each. */
  readonly routes: ReadonlySet<string>;
  /** MTU that each link had before. */
  readonly mtus: ReadonlyMap<string, number>;
  /** Words of the options set on each bond. */
  readonly options: ReadonlyMap<string, readonly string[]>;
}

/** Something that is wanted and cannot be planned. */
export interface PlanProblem {
  readonly message: string;
  /** Path into the config, or the layer that wants it. */
  readonly cause: string;
}

/** Steps in order, what stands in their way, and what this agent owns when they are done. */
export interface Plan {
  readonly operations: readonly Operation[];
  readonly problems: readonly PlanProblem[];
  /**
   * To be recorded before the steps are taken: what they make, and what is ours as long as it is there or wanted. What
   * they remove is still in it; the next plan drops it.
   */
  readonly owned: Owned;
}

/** Owns nothing. */
export const NOTHING_OWNED: Owned = {
  links: new Set(),
  members: new Set(),
  addresses: new Set(),
  routes: new Set(),
  mtus: new Map(),
  options: new Map(),
};

/** Tells a route of ours from one that another put in its place. */
export function routeIdentity(route: Pick<RouteSpec, 'table' | 'destination' | 'metric' | 'gateway' | 'link'>): string {
  return `${route.table} ${route.destination} ${route.metric} ${route.gateway} ${route.link}`;
}

/** What an operation or problem is put down to. */
export function causeOf({ layer, path }: { readonly layer: string; readonly path: string }): string {
  return path === '' ? layer : path;
}
