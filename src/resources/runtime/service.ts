import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** A service that is in state Running; in any other state it has no resource (spec/resources.md §6.12). */
export interface ServiceSpec {
  readonly running: boolean;
  /** Known and good: false before the first check, and for ever where there is none. */
  readonly healthy: boolean;
}

/** The running services, by service id. */
export const Services: ResourceType<ServiceSpec> = {
  type: 'Services.v1alpha1.talos.dev',
  display: 'v1alpha1.Service',
  defaultNamespace: 'runtime',
  aliases: ['svc'],
  printColumns: [
    { name: 'Running', jsonPath: '{.running}' },
    { name: 'Healthy', jsonPath: '{.healthy}' },
  ],
  contract: true,
  toYaml: ({ running, healthy }) => toYaml({ running, healthy }),
};
