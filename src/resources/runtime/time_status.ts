import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** Whether the clock can be trusted; certificates wait for it (spec/resources.md §6.13). */
export interface TimeStatusSpec {
  readonly synced: boolean;
}

/** One resource, `node`. */
export const TimeStatuses: ResourceType<TimeStatusSpec> = {
  type: 'TimeStatuses.v1alpha1.talos.dev',
  display: 'v1alpha1.TimeStatus',
  defaultNamespace: 'runtime',
  printColumns: [{ name: 'Synced', jsonPath: '{.synced}' }],
  contract: true,
  toYaml: ({ synced }) => toYaml({ synced }),
};

/** The only id. */
export const TIME_STATUS_ID = 'node';
