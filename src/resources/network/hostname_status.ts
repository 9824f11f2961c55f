import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** The name that the machine has. */
export interface HostnameStatus {
  readonly hostname: string;
  readonly domain: string;
  readonly layer: Origin;
}

/** One resource, `hostname`. */
export const HostnameStatuses: ResourceType<HostnameStatus> = {
  type: 'HostnameStatuses.net.talos.dev',
  display: 'network.HostnameStatus',
  defaultNamespace: 'network',
  aliases: ['hostname', 'hostnames'],
  printColumns: [
    { name: 'Hostname', jsonPath: '{.hostname}' },
    { name: 'Domain', jsonPath: '{.domain}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
};
