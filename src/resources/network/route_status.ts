import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** A route as the kernel has it. */
export interface RouteStatus {
  readonly family: 'inet4' | 'inet6';
  readonly destination: string;
  readonly gateway: string;
  readonly link: string;
  readonly source: string;
  readonly metric: number;
  readonly table: number;
  /** The kernel's number: 2 kernel, 3 boot, 9 router advertisement, … */
  readonly protocol: number;
  readonly layer: Origin;
}

/** The routes of this machine; those of the table `local`, which the kernel keeps for itself, are left out. */
export const RouteStatuses: ResourceType<RouteStatus> = {
  type: 'RouteStatuses.net.talos.dev',
  display: 'network.RouteStatus',
  defaultNamespace: 'network',
  aliases: ['route', 'routes'],
  printColumns: [
    { name: 'Destination', jsonPath: '{.destination}' },
    { name: 'Gateway', jsonPath: '{.gateway}' },
    { name: 'Link', jsonPath: '{.link}' },
    { name: 'Metric', jsonPath: '{.metric}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
  equals: (a, b) =>
    a.destination === b.destination &&
    a.gateway === b.gateway &&
    a.link === b.link &&
    a.source === b.source &&
    a.metric === b.metric &&
    a.table === b.table &&
    a.protocol === b.protocol &&
    a.family === b.family &&
    a.layer === b.layer,
};
