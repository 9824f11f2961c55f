import { type RouteSpec, routeKey } from '../../resources/network/route_spec.ts';
import type { LinkRoute } from '../../system/ip-operations.ts';
import type { RouteSnapshot } from '../../system/network-snapshot.ts';
import { familyOn } from '../awaited.ts';
import type { DraftLink } from './draft.ts';
import type { Planner } from './planner.ts';
import { causeOf, routeIdentity } from './types.ts';

/** Takes away routes of ours that nobody wants, or that shall have another source. */
export function removeRoutes(planner: Planner): void {
  if (planner.before.routes.size === 0) return;
  const wanted = new Map(planner.wanted.routes.map(route => [routeIdentity(route), route]));
  for (const identity of planner.before.routes) {
    const spec = wanted.get(identity);
    const route = present(planner, identity);
    if (spec && (!route || hasSource(route, spec))) continue;
    if (!spec && planner.wanted.awaited?.size && isAwaited(planner.wanted.awaited, identity)) continue;
    if (!route) {
      planner.owned.routes.delete(identity);
      continue;
    }
    planner.draft.deleteRoute(route);
    const { table, destination, gateway, link, metric } = route;
    const cause = spec ? causeOf(spec) : 'no longer wanted';
    planner.step({ kind: 'delete-route', table, destination, gateway, link, source: '', metric, cause });
  }
}

/** Adds the missing ones, those without a gateway first: gateways may lie behind them (spec/network.md §5.4). */
export function addRoutes(planner: Planner): void {
  for (const isFirstPass of [true, false]) {
    for (const spec of planner.wanted.routes) {
      if ((spec.gateway === '') === isFirstPass) addRoute(planner, spec);
    }
  }
}

function addRoute(planner: Planner, spec: RouteSpec): void {
  const link = planner.draft.links.get(spec.link);
  if (!link?.isUp || !isTimely(spec, link)) return;
  // One that somebody else made counts as done, like the kernel's "File exists".
  if (planner.draft.routes(routeKey(spec)).length > 0) return;
  const { table, destination, gateway, source, metric } = spec;
  const route: LinkRoute = { table, destination, gateway, link: spec.link, source, metric };
  planner.step({ kind: 'add-route', ...route, cause: causeOf(spec) });
  planner.owned.routes.add(routeIdentity(spec));
}

/** Whether the addresses that the route leans on are there. */
function isTimely(spec: RouteSpec, link: DraftLink): boolean {
  if (spec.source.includes(':')) {
    for (const [address, { isTentative }] of link.addresses) {
      if (isTentative && address.startsWith(`${spec.source}/`)) return false;
    }
  }
  if (!spec.awaitsAddress) return true;
  const isIpv6 = spec.destination.includes(':');
  return [...link.addresses.keys()].some(
    address => address.includes(':') === isIpv6 && !address.startsWith('fe80:') && !address.startsWith('169.254.'),
  );
}

function isAwaited(awaited: ReadonlySet<string>, identity: string): boolean {
  const [, destination = '', , , link = ''] = identity.split(' ');
  return awaited.has(familyOn(link, destination));
}

function present(planner: Planner, identity: string): RouteSnapshot | undefined {
  const [table, destination, metric] = identity.split(' ');
  return planner.draft.routes(`${table} ${destination} ${metric}`).find(route => routeIdentity(route) === identity);
}

function hasSource(route: RouteSnapshot, { source }: RouteSpec): boolean {
  return source === '' || route.source === source;
}
