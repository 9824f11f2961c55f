import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type {
  AddressFamily,
  Interface,
  InterfaceFlags,
  InterfacesResponse,
  Route,
  RouteProtocol,
  RoutesResponse,
} from '../../gen/network/network.ts';
import { AF_INET, type LinkSnapshot, type NetworkSnapshot, type RouteSnapshot } from '../../system/network-snapshot.ts';
import type { UnaryHandler } from '../handler.ts';

/** Interfaces and Routes of spec/api.md §2.9. */
export interface NetworkHandlers {
  readonly interfaces: UnaryHandler<Empty, InterfacesResponse>;
  readonly routes: UnaryHandler<Empty, RoutesResponse>;
}

/** `network` is a `NetworkObserver`, whose last listing is the answer. */
export function networkHandlers({
  network,
}: {
  readonly network: { readonly snapshot: NetworkSnapshot };
}): NetworkHandlers {
  return {
    interfaces: async () => ({
      messages: [{ metadata: undefined, interfaces: network.snapshot.links.map(toInterface) }],
    }),
    routes: async () => {
      const { links, routes } = network.snapshot;
      const known = new Set(links.map(link => link.name));
      return { messages: [{ metadata: undefined, routes: routes.filter(({ link }) => known.has(link)).map(toRoute) }] };
    },
  };
}

function toInterface(link: LinkSnapshot): Interface {
  return {
    index: link.index,
    mtu: link.mtu,
    name: link.name,
    hardwareaddr: link.hardwareAddress,
    // A bit mask in the field of an enum: clients read the number.
    flags: link.flags as InterfaceFlags,
    ipaddress: link.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
  };
}

/** Clients know the odd lengths: a gateway always has 32, a preferred source that of the source prefix, mostly 0. */
function toRoute(route: RouteSnapshot): Route {
  const nowhere = route.family === AF_INET ? '0.0.0.0' : '::';
  return {
    interface: route.link,
    destination: route.destination,
    gateway: `${route.gateway || nowhere}/32`,
    metric: route.metric,
    scope: route.scope,
    source: `${route.source || nowhere}/${route.sourceLength}`,
    family: route.family as AddressFamily,
    protocol: route.protocol as RouteProtocol,
    flags: route.flags,
  };
}
