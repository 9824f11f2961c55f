import type { OperatorSpec } from '../../resources/network/operator_spec.ts';
import { TABLE_MAIN } from '../../resources/network/route_spec.ts';
import { NO_OUTPUTS, type OperatorOutputs } from '../operator.ts';
import type { Lease } from './lease.ts';

/** Metric of the routes of a lease (spec/network.md §5.4). */
const ROUTE_METRIC = 1024;

/** What a lease means for the network: wanted things of the layer `dhcp` (spec/network.md §5.5, §5.6). */
export function leaseOutputs(spec: OperatorSpec, lease: Lease | undefined): OperatorOutputs {
  if (!lease) return NO_OUTPUTS;
  const { link, path } = spec;
  const origin = { layer: 'dhcp' as const, path };
  const source = lease.address.slice(0, lease.address.indexOf('/'));
  const name = lease.hostname || `talos-${source.replace(/[.:]+/g, '-')}`;
  return {
    links: lease.mtu === 0 ? [] : [{ name: link, kind: 'physical', up: true, mtu: lease.mtu, ...origin }],
    addresses: [{ link, address: lease.address, ...origin }],
    routes: lease.routes.map(({ destination, gateway }) => ({
      table: TABLE_MAIN,
      destination,
      gateway,
      link,
      source,
      metric: spec.routeMetric || ROUTE_METRIC,
      awaitsAddress: false,
      ...origin,
    })),
    resolvers: lease.resolvers.length === 0 ? [] : [{ servers: lease.resolvers, link, ...origin }],
    hostnames: [
      // A name made of the address is no better than one made of a fixed address.
      { hostname: name, domain: lease.domain, address: source, link, layer: lease.hostname ? 'dhcp' : 'default', path },
    ],
  };
}
