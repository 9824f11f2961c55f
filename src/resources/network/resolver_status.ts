import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** The DNS servers in use. */
export interface ResolverStatus {
  /** At most three: more are not asked by any resolver. */
  readonly servers: readonly string[];
  readonly searchDomains: readonly string[];
  readonly layer: Origin;
}

/** One resource, `resolvers`: what /etc/resolv.conf says. */
export const ResolverStatuses: ResourceType<ResolverStatus> = {
  type: 'ResolverStatuses.net.talos.dev',
  display: 'network.ResolverStatus',
  defaultNamespace: 'network',
  aliases: ['resolver', 'resolvers'],
  printColumns: [
    { name: 'Servers', jsonPath: '{.servers}' },
    { name: 'Search', jsonPath: '{.searchDomains}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
};
