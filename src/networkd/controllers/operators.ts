import { type AddressSpec, AddressSpecs, addressId } from '../../resources/network/address_spec.ts';
import { AddressStatuses } from '../../resources/network/address_status.ts';
import { type HostnameSpec, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { LAYERS_NAMESPACE } from '../../resources/network/layer.ts';
import { type LinkSpec, LinkSpecs } from '../../resources/network/link_spec.ts';
import { LinkStatuses } from '../../resources/network/link_status.ts';
import { OperatorSpecs } from '../../resources/network/operator_spec.ts';
import { type ResolverSpec, ResolverSpecs } from '../../resources/network/resolver_spec.ts';
import { type RouteSpec, RouteSpecs, routeId } from '../../resources/network/route_spec.ts';
import type { ControllerContext } from '../../runtime/context.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import type { Operators, WantedOperator } from '../operators.ts';

const TYPES = [LinkSpecs, AddressSpecs, RouteSpecs, ResolverSpecs, HostnameSpecs];

/**
 * Keeps the wanted operators running and writes what they want beside what the other layers want, as
 * `<operator>/<link>/…` (spec/network.md §5.5, §5.6, §6).
 */
export function operatorController(operators: Operators): Controller {
  return {
    name: 'network.OperatorController',
    inputs: [input(OperatorSpecs), input(LinkStatuses), input(AddressStatuses)],
    outputs: TYPES.map(type => output(type, { namespace: LAYERS_NAMESPACE, kind: 'shared' })),
    sources: [(trigger, signal) => signal.addEventListener('abort', operators.onChange(trigger), { once: true })],
    reconcile(ctx) {
      operators.sync(wantedOperators(ctx));
      writeOutputs(ctx, operators);
    },
  };
}

function wantedOperators(ctx: ControllerContext): WantedOperator[] {
  const addresses = new Map<string, Set<string>>();
  for (const { spec } of ctx.list(AddressStatuses)) {
    const known = addresses.get(spec.link);
    if (known) known.add(spec.address);
    else addresses.set(spec.link, new Set([spec.address]));
  }
  return ctx.list(OperatorSpecs).map(({ spec }) => {
    const status = ctx.find(LinkStatuses, spec.link)?.spec;
    if (!status) return { spec, link: undefined };
    const { index, up, carrier, hardwareAddress } = status;
    const known = addresses.get(spec.link) ?? new Set<string>();
    return { spec, link: { index, isReady: up && carrier, hardwareAddress, addresses: known } };
  });
}

function writeOutputs(ctx: ControllerContext, operators: Operators): void {
  const links = new Map<string, LinkSpec>();
  const addresses = new Map<string, AddressSpec>();
  const routes = new Map<string, RouteSpec>();
  const resolvers = new Map<string, ResolverSpec>();
  const hostnames = new Map<string, HostnameSpec>();
  for (const { spec, outputs } of operators.outputs()) {
    const id = (rest: string) => `${spec.operator}/${rest}`;
    for (const link of outputs.links) links.set(id(link.name), link);
    for (const address of outputs.addresses) addresses.set(id(addressId(address)), address);
    for (const route of outputs.routes) routes.set(id(routeId(route)), route);
    for (const resolver of outputs.resolvers) resolvers.set(id(resolver.link), resolver);
    for (const hostname of outputs.hostnames) hostnames.set(id(hostname.link), hostname);
  }
  ctx.writeAll(LinkSpecs, links, LAYERS_NAMESPACE);
  ctx.writeAll(AddressSpecs, addresses, LAYERS_NAMESPACE);
  ctx.writeAll(RouteSpecs, routes, LAYERS_NAMESPACE);
  ctx.writeAll(ResolverSpecs, resolvers, LAYERS_NAMESPACE);
  ctx.writeAll(HostnameSpecs, hostnames, LAYERS_NAMESPACE);
}
