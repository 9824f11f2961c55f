import { LAYERS_NAMESPACE } from '../../resources/network/layer.ts';
import { RESOLVERS_ID, type ResolverSpec, ResolverSpecs } from '../../resources/network/resolver_spec.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { strongestFirst } from './device_merge.ts';

/**
 * Chooses the DNS servers: those of the config, else all that leases and the kernel command line name, by link, else the
 * default ones (spec/network.md §7.1).
 */
export function resolverMergeController(): Controller {
  return {
    name: 'network.ResolverMergeController',
    inputs: [input(ResolverSpecs, { namespace: LAYERS_NAMESPACE })],
    outputs: [output(ResolverSpecs)],
    reconcile(ctx) {
      const chosen = choose(strongestFirst(ctx, ResolverSpecs));
      ctx.writeAll(ResolverSpecs, new Map(chosen ? [[RESOLVERS_ID, chosen]] : []));
    },
  };
}

function choose(specs: readonly ResolverSpec[]): ResolverSpec | undefined {
  const known = specs.filter(({ servers }) => servers.length > 0);
  const config = known.find(({ layer }) => layer === 'config');
  const ofLinks = known
    .filter(({ layer }) => layer === 'dhcp' || layer === 'cmdline')
    // On one link the argument comes before the lease, as for its addresses.
    .sort((a, b) => compare(a.link, b.link) || compare(a.layer, b.layer));
  const [first] = ofLinks;
  if (config || !first) return config ?? known[0];
  const servers = [...new Set(ofLinks.flatMap(spec => spec.servers))];
  return ofLinks.length === 1 ? first : { ...first, servers, link: '' };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
