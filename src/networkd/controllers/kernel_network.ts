import type { Clock } from '../../lib/clock.ts';
import { AddressSpecs } from '../../resources/network/address_spec.ts';
import { DEVICE_SOURCE_ID, DeviceSources } from '../../resources/network/device_source.ts';
import { LinkSpecs } from '../../resources/network/link_spec.ts';
import { OperatorSpecs } from '../../resources/network/operator_spec.ts';
import { RouteSpecs } from '../../resources/network/route_spec.ts';
import { type Controller, input } from '../../runtime/controller.ts';
import type { NetworkApplier, ObservedNetwork } from '../applier.ts';
import { AwaitedLeases } from '../awaited.ts';
import { isNothing } from '../ownership.ts';
import { onNetworkChange } from './sources.ts';

export interface KernelNetworkOptions {
  readonly applier: NetworkApplier;
  readonly network: ObservedNetwork;
  readonly clock: Clock;
  /** Called after each whole turn. */
  readonly onTurn: () => void;
}

/** Keeps the kernel's links, addresses and routes as they are wanted, whoever changes either side. */
export function kernelNetworkController({ applier, network, clock, onTurn }: KernelNetworkOptions): Controller {
  let cancelRetry = () => {};
  const leases = new AwaitedLeases(clock);
  return {
    name: 'network.KernelNetworkController',
    inputs: [
      input(DeviceSources, { id: DEVICE_SOURCE_ID }),
      ...[LinkSpecs, AddressSpecs, RouteSpecs, OperatorSpecs].map(type => input(type)),
    ],
    outputs: [],
    sources: [onNetworkChange(network)],
    async reconcile(ctx) {
      const links = ctx.list(LinkSpecs).map(({ spec }) => spec);
      // Before anything was listed, or merged, there is nothing to compare.
      if (network.snapshot.links.length === 0 || links.length === 0) return;
      // A new life of the agent: what the former one made stays until what a config wants can be compared with it.
      const source = ctx.find(DeviceSources, DEVICE_SOURCE_ID)?.spec;
      if (!source?.config && !isNothing(await applier.owned())) return;
      const addresses = ctx.list(AddressSpecs).map(({ spec }) => spec);
      const routes = ctx.list(RouteSpecs).map(({ spec }) => spec);
      const operators = ctx.list(OperatorSpecs).map(({ spec }) => spec);
      const { families: awaited, rest } = leases.of(operators, addresses);
      const retry = await applier.turn({ links, addresses, routes, awaited });
      cancelRetry();
      const wait = Math.min(retry ?? Number.POSITIVE_INFINITY, rest ?? Number.POSITIVE_INFINITY);
      if (wait < Number.POSITIVE_INFINITY) cancelRetry = clock.after(wait, ctx.queueReconcile);
      onTurn();
    },
  };
}
