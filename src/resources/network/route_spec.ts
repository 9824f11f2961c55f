import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** A route as it is wanted (spec/network.md §5.4). Texts are canonical. */
export interface RouteSpec extends Layered {
  readonly table: number;
  readonly destination: string;
  /** Empty where the destination is on the link. */
  readonly gateway: string;
  readonly link: string;
  /** Preferred source address, empty for the kernel's choice. */
  readonly source: string;
  readonly metric: number;
  /** Whether the route has to wait until its link has an address of the family (of a lease). */
  readonly awaitsAddress: boolean;
}

/** Wanted routes: by layer in `network-config`, merged in `network`. */
export const RouteSpecs: ResourceType<RouteSpec> = {
  type: 'RouteSpecs.net.talos.dev',
  display: 'network.RouteSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Destination', jsonPath: '{.destination}' },
    { name: 'Gateway', jsonPath: '{.gateway}' },
    { name: 'Link', jsonPath: '{.link}' },
    { name: 'Metric', jsonPath: '{.metric}' },
  ],
  toYaml: ({ table, destination, gateway, link, source, metric, layer, path }) =>
    toYaml({ table, destination, gateway, link, source, metric, layer, path }),
  equals: (a, b) =>
    a.destination === b.destination &&
    a.gateway === b.gateway &&
    a.link === b.link &&
    a.metric === b.metric &&
    a.source === b.source &&
    a.table === b.table &&
    a.awaitsAddress === b.awaitsAddress &&
    a.layer === b.layer &&
    a.path === b.path,
};

/** The main routing table. */
export const TABLE_MAIN = 254;

/** What the kernel tells routes apart by: a second route with this key is refused (spec/network.md §5.4). */
export function routeKey({ table, destination, metric }: Pick<RouteSpec, 'table' | 'destination' | 'metric'>): string {
  return `${table} ${destination} ${metric}`;
}

/** Id of a route: `eth0/10.0.0.0/8/10`, with the table in front where it is not the main one. */
export function routeId(route: Pick<RouteSpec, 'table' | 'destination' | 'metric' | 'link'>): string {
  const id = `${route.link || '-'}/${route.destination}/${route.metric}`;
  return route.table === TABLE_MAIN ? id : `${route.table}/${id}`;
}
