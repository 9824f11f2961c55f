import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** A name of the machine as it is wanted (spec/network.md §7.4). */
export interface HostnameSpec extends Layered {
  /** The first label. */
  readonly hostname: string;
  /** The labels after it, empty where there are none. */
  readonly domain: string;
  /** The address that stands beside the name in /etc/hosts; empty where the source has none. */
  readonly address: string;
  /** Link whose addressing gives the name; empty for the other sources. */
  readonly link: string;
}

/** Wanted names: by layer in `network-config`, and in `network` one resource, `hostname`. */
export const HostnameSpecs: ResourceType<HostnameSpec> = {
  type: 'HostnameSpecs.net.talos.dev',
  display: 'network.HostnameSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Hostname', jsonPath: '{.hostname}' },
    { name: 'Domain', jsonPath: '{.domain}' },
  ],
  toYaml: ({ hostname, domain, address, link, layer, path }) =>
    toYaml({ hostname, domain, address, link, layer, path }),
};

/** The only id in `network`. */
export const HOSTNAME_ID = 'hostname';
