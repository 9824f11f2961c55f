import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** What the machine is in its cluster; `unknown` before there is a config. `worker` of a config counts as `join`. */
export type MachineTypeSpec = 'unknown' | 'init' | 'controlplane' | 'join';

/** One resource, `machine-type`, whose spec is a bare word (spec/resources.md §6.2). */
export const MachineTypes: ResourceType<MachineTypeSpec> = {
  type: 'MachineTypes.config.talos.dev',
  display: 'config.MachineType',
  defaultNamespace: 'config',
  printColumns: [{ name: 'Type', jsonPath: '{@}' }],
  contract: true,
  toYaml: spec => toYaml(spec),
};

/** The only id. */
export const MACHINE_TYPE_ID = 'machine-type';
