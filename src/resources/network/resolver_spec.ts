import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** DNS servers as they are wanted (spec/network.md §7.1). */
export interface ResolverSpec extends Layered {
  readonly servers: readonly string[];
  /** Link whose lease or argument names them; empty where they are the machine's. */
  readonly link: string;
}

/** Wanted DNS servers: by layer in `network-config`, and in `network` one resource, `resolvers`. */
export const ResolverSpecs: ResourceType<ResolverSpec> = {
  type: 'ResolverSpecs.net.talos.dev',
  display: 'network.ResolverSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Servers', jsonPath: '{.servers}' },
  ],
  toYaml: ({ servers, link, layer, path }) => toYaml({ servers, link, layer, path }),
};

/** The only id in `network`. */
export const RESOLVERS_ID = 'resolvers';
