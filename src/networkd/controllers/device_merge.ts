import { type AddressSpec, AddressSpecs, addressId } from '../../resources/network/address_spec.ts';
import { DEVICE_SOURCE_ID, DeviceSources } from '../../resources/network/device_source.ts';
import { LAYERS_NAMESPACE, type Layered, STRONGEST_FIRST } from '../../resources/network/layer.ts';
import { type LinkSpec, LinkSpecs } from '../../resources/network/link_spec.ts';
import { type OperatorSpec, OperatorSpecs, operatorId } from '../../resources/network/operator_spec.ts';
import { type RouteSpec, RouteSpecs, routeId, routeKey } from '../../resources/network/route_spec.ts';
import type { ControllerContext } from '../../runtime/context.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import type { ResourceType } from '../../runtime/resource.ts';

/**
 * Makes one wanted network of all layers: links are put together field by field, the stronger layer first; of addresses,
 * operators and routes all are kept, of those that the kernel cannot tell apart the strongest.
 */
export function deviceMergeController(): Controller {
  const types = [LinkSpecs, AddressSpecs, RouteSpecs, OperatorSpecs, DeviceSources];
  return {
    name: 'network.DeviceMergeController',
    inputs: types.map(type => input(type, { namespace: LAYERS_NAMESPACE })),
    outputs: types.map(type => output(type)),
    reconcile(ctx) {
      const links = new Map<string, LinkSpec>();
      for (const spec of strongestFirst(ctx, LinkSpecs)) {
        const known = links.get(spec.name);
        links.set(spec.name, known ? mergeLinks(known, spec) : spec);
      }
      ctx.writeAll(LinkSpecs, links);
      const addresses = firsts(strongestFirst<AddressSpec>(ctx, AddressSpecs), addressId);
      ctx.writeAll(AddressSpecs, new Map(addresses.map(spec => [addressId(spec), spec])));
      const routes = firsts(strongestFirst<RouteSpec>(ctx, RouteSpecs), routeKey);
      ctx.writeAll(RouteSpecs, new Map(routes.map(spec => [routeId(spec), spec])));
      const operators = firsts(strongestFirst<OperatorSpec>(ctx, OperatorSpecs), operatorId);
      ctx.writeAll(OperatorSpecs, new Map(operators.map(spec => [operatorId(spec), spec])));
      const source = ctx.find(DeviceSources, DEVICE_SOURCE_ID, LAYERS_NAMESPACE)?.spec;
      if (source) ctx.write(DeviceSources, DEVICE_SOURCE_ID, source);
    },
  };
}

function mergeLinks(strong: LinkSpec, weak: LinkSpec): LinkSpec {
  const { bond = weak.bond, vlan = weak.vlan, wireguard = weak.wireguard } = strong;
  return {
    ...strong,
    kind: strong.kind === 'physical' ? weak.kind : strong.kind,
    up: strong.up || weak.up,
    mtu: strong.mtu || weak.mtu,
    ...(strong.heedsRouters || weak.heedsRouters ? { heedsRouters: true } : {}),
    ...(bond ? { bond } : {}),
    ...(vlan ? { vlan } : {}),
    ...(wireguard ? { wireguard } : {}),
  };
}

/** All layers of a type, the stronger before the weaker, in each layer in the order of ids. */
export function strongestFirst<Spec extends Layered>(ctx: ControllerContext, type: ResourceType<Spec>): Spec[] {
  const specs = ctx
    .list(type, LAYERS_NAMESPACE)
    .filter(({ metadata }) => metadata.phase === 'running')
    .map(({ spec }) => spec);
  const byLayer = Map.groupBy(specs, ({ layer }) => layer);
  return STRONGEST_FIRST.flatMap(layer => byLayer.get(layer) ?? []);
}

function firsts<Spec>(specs: readonly Spec[], keyOf: (spec: Spec) => string): Spec[] {
  const keys = new Set<string>();
  return specs.filter(spec => {
    const key = keyOf(spec);
    if (keys.has(key)) return false;
    keys.add(key);
    return true;
  });
}
