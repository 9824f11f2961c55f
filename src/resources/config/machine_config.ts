import type { MachineConfig } from '../../config/schema/config.ts';
import type { ResourceType } from '../../runtime/resource.ts';

/** The machine config in use. */
export interface MachineConfigSpec {
  readonly config: MachineConfig;
  /** The document it was read from. Not to be written to. */
  readonly bytes: Uint8Array;
}

/**
 * One resource, `v1alpha1`, on every configured node. Shown is the user's document byte for byte
 * (spec/machine-config.md §15, over spec/resources.md §6.1). Written by the node itself with `Store.put`, so that every
 * accepted config counts as a change, even an equal one (spec/resources.md §1.1).
 */
export const MachineConfigs: ResourceType<MachineConfigSpec> = {
  type: 'MachineConfigs.config.talos.dev',
  display: 'config.MachineConfig',
  defaultNamespace: 'config',
  contract: true,
  toYaml: ({ bytes }) => bytes,
};

/** The only id. */
export const MACHINE_CONFIG_ID = 'v1alpha1';
