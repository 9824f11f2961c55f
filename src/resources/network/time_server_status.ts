import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** The time servers that the time service asks. */
export interface TimeServerStatus {
  readonly servers: readonly string[];
  readonly layer: Origin;
}

/** One resource, `timeservers`. */
export const TimeServerStatuses: ResourceType<TimeServerStatus> = {
  type: 'TimeServerStatuses.net.talos.dev',
  display: 'network.TimeServerStatus',
  defaultNamespace: 'network',
  aliases: ['timeserver', 'timeservers'],
  printColumns: [
    { name: 'Servers', jsonPath: '{.servers}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
};
