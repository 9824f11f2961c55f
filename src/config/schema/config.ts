import { cluster } from './cluster.ts';
import { machine } from './machine.ts';
import { bool, field, object, string, type TypeOf } from './types.ts';

/** The whole machine configuration (machine-config.md §4). */
export const machineConfig = object({
  version: field(string, 'The version of the format.', { always: true, example: 'v1alpha1' }),
  debug: field(bool, 'Whether the logs of all services also go to the console.', { always: true }),
  persist: field(bool, 'Whether the node keeps this configuration over reboots.', { always: true }),
  machine: field(machine, 'What concerns the machine itself.'),
  cluster: field(cluster, 'What concerns the cluster.'),
});

/**
 * A machine configuration. Every property may be missing: absent (or null) in the document. Lists hold no null
 * entries; string-keyed maps have no prototype when decoded.
 */
export type MachineConfig = TypeOf<typeof machineConfig>;
