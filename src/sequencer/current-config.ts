import type { LoadedConfig } from '../platform/stored-config.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../resources/config/machine_config.ts';
import type { Store } from '../runtime/store.ts';

/** The config in use; only tasks after loadConfig ask for it. */
export function currentConfig(store: Store): LoadedConfig {
  return store.get(MachineConfigs, MACHINE_CONFIG_ID).spec;
}

/** Puts a config in use: everything that depends on it wakes. */
export function publishConfig(store: Store, { config, bytes }: LoadedConfig): void {
  store.put(MachineConfigs, MACHINE_CONFIG_ID, { config, bytes });
}
