import type { AddressSpec } from '../resources/network/address_spec.ts';
import type { HostnameSpec } from '../resources/network/hostname_spec.ts';
import type { LinkSpec } from '../resources/network/link_spec.ts';
import type { OperatorSpec } from '../resources/network/operator_spec.ts';
import type { ResolverSpec } from '../resources/network/resolver_spec.ts';
import type { RouteSpec } from '../resources/network/route_spec.ts';

/** What an operator wants of the network now. */
export interface OperatorOutputs {
  readonly links: readonly LinkSpec[];
  readonly addresses: readonly AddressSpec[];
  readonly routes: readonly RouteSpec[];
  readonly resolvers: readonly ResolverSpec[];
  readonly hostnames: readonly HostnameSpec[];
}

/** Wants nothing. */
export const NO_OUTPUTS: OperatorOutputs = { links: [], addresses: [], routes: [], resolvers: [], hostnames: [] };

/** What an operator may know of its link. */
export interface Observed {
  /** Up, and with a cable. */
  readonly isReady: boolean;
  readonly hardwareAddress: string;
  /** Canonical `address/prefix` of the addresses on it. */
  readonly addresses: ReadonlySet<string>;
}

/** Something that runs on a link and finds out what to want (spec/network.md §5.5, §5.6, §6). */
export interface Operator {
  /** Begins; called once. */
  start(): void;
  /** Ends it; what it wants afterwards is what stays when the agent goes. */
  stop(): Promise<void>;
  /** Tells of the link; called before `start` and whenever something may have changed. */
  observe(observed: Observed): void;
  outputs(spec: OperatorSpec): OperatorOutputs;
}

/** Makes operators of one kind. `changed` is to be called when `outputs` may differ. */
export type MakeOperator = (spec: OperatorSpec, changed: () => void) => Operator;
