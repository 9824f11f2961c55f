import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** Time servers as they are wanted. */
export interface TimeServerSpec extends Layered {
  readonly servers: readonly string[];
}

/** Wanted time servers: by layer in `network-config`, and in `network` one resource, `timeservers`. */
export const TimeServerSpecs: ResourceType<TimeServerSpec> = {
  type: 'TimeServerSpecs.net.talos.dev',
  display: 'network.TimeServerSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Servers', jsonPath: '{.servers}' },
  ],
  toYaml: ({ servers, layer, path }) => toYaml({ servers, layer, path }),
};

/** The only id in `network`. */
export const TIME_SERVERS_ID = 'timeservers';
