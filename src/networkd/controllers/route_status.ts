import type { Layer } from '../../resources/network/layer.ts';
import { RouteSpecs, routeId } from '../../resources/network/route_spec.ts';
import { type RouteStatus, RouteStatuses } from '../../resources/network/route_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { AF_INET, type RouteSnapshot } from '../../system/network-snapshot.ts';
import type { ObservedNetwork } from '../applier.ts';
import { routeIdentity } from '../plan/types.ts';
import { onNetworkChange } from './sources.ts';

const TABLE_LOCAL = 255;
/** Protocols by which the kernel itself makes routes: redirects, its own, router advertisements. */
const KERNEL_PROTOCOLS = new Set([1, 2, 9]);

/** Says what routes there are, and which layer wants them. */
export function routeStatusController(network: ObservedNetwork): Controller {
  return {
    name: 'network.RouteStatusController',
    inputs: [input(RouteSpecs)],
    outputs: [output(RouteStatuses)],
    sources: [onNetworkChange(network)],
    reconcile(ctx) {
      if (network.isChanging) return; // called again at the end of it
      const layers = new Map(ctx.list(RouteSpecs).map(({ spec }) => [routeIdentity(spec), spec.layer]));
      const statuses = new Map<string, RouteStatus>();
      for (const route of network.snapshot.routes) {
        if (route.table === TABLE_LOCAL) continue;
        statuses.set(freeId(statuses, route), statusOf(route, layers));
      }
      ctx.writeAll(RouteStatuses, statuses);
    },
  };
}

/** Routes with several next hops have one id; the later ones are numbered. */
function freeId(taken: ReadonlyMap<string, RouteStatus>, route: RouteSnapshot): string {
  const id = routeId(route);
  if (!taken.has(id)) return id;
  for (let number = 2; ; number++) if (!taken.has(`${id}#${number}`)) return `${id}#${number}`;
}

function statusOf(route: RouteSnapshot, layers: ReadonlyMap<string, Layer>): RouteStatus {
  const { family, destination, gateway, link, source, metric, table, protocol } = route;
  const otherwise = KERNEL_PROTOCOLS.has(protocol) ? 'kernel' : 'foreign';
  return {
    family: family === AF_INET ? 'inet4' : 'inet6',
    destination,
    gateway,
    link,
    source,
    metric,
    table,
    protocol,
    layer: layers.get(routeIdentity(route)) ?? otherwise,
  };
}
