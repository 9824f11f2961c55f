import type { MachineConfig } from '../config/schema/config.ts';
import type { Logger } from '../lib/logger.ts';
import { acquireConfig } from '../platform/acquire.ts';
import type { Platform } from '../platform/platform.ts';
import type { ConfigParser, LoadedConfig, StoredConfig } from '../platform/stored-config.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../resources/config/machine_config.ts';
import type { Store } from '../runtime/store.ts';
import type { Supervisor } from '../services/supervisor.ts';
import { ensureDir } from '../system/files.ts';
import type { NodePaths } from '../system/paths.ts';
import type { NodeActions } from './actions.ts';
import type { TaskContext } from './sequence.ts';

/** The domains that the tasks of a node without disks and power of its own (container, local) call. */
export interface TaskDomains {
  readonly platform: Platform;
  readonly paths: NodePaths;
  readonly stored: StoredConfig;
  readonly store: Store;
  readonly supervisor: Supervisor;
  readonly parse: ConfigParser;
  /** Throws with every rule that the config breaks. */
  readonly validate: (config: LoadedConfig) => void;
  /** Serves maintenance mode until a person has brought a config. */
  readonly receiveConfig: (context: TaskContext) => Promise<LoadedConfig>;
  readonly setEnvironment: (config: MachineConfig) => void;
  readonly log: Logger;
}

/** Folders of the node that exist from the start, with their modes (sequences-and-services.md §2.6). */
const SYSTEM_FOLDERS = ['/system/etc', '/system/run', '/system/var', '/system/state'];
const VAR_FOLDERS = ['/var/log/pods', '/var/lib/kubelet', '/var/run/lock'];

/** The config in use; only tasks after loadConfig ask for it. */
export function currentConfig(store: Store): LoadedConfig {
  return store.get(MachineConfigs, MACHINE_CONFIG_ID).spec;
}

/** Puts a config in use: everything that depends on it wakes. */
export function publishConfig(store: Store, { config, bytes }: LoadedConfig): void {
  store.put(MachineConfigs, MACHINE_CONFIG_ID, { config, bytes });
}

/** Ties the task names of the sequences to the domains of this node. */
export function nodeActions(domains: TaskDomains): NodeActions {
  const { platform, paths, stored, store, supervisor, parse, validate, log } = domains;
  const makeFolders = (folders: readonly string[]) => async () => {
    for (const folder of folders) await ensureDir(paths.toHost(folder), 0o700);
  };
  return {
    setupLogger: async () => {},
    setupSystemDirectory: makeFolders(SYSTEM_FOLDERS),
    loadConfig: async context => {
      const { signal } = context;
      let loaded = await acquireConfig({ platform, stored, parse, taskLog: context.log, log, signal });
      if (!loaded) {
        context.log('starting maintenance service');
        context.waitingFor('a person to bring a configuration: talosctl apply-config --insecure');
        loaded = await domains.receiveConfig(context);
        context.waitingFor(undefined);
      }
      validate(loaded);
      publishConfig(store, loaded);
    },
    validateConfig: async () => validate(currentConfig(store)),
    saveConfig: async () => {
      const config = currentConfig(store);
      await stored.saveFirst(config.bytes);
      publishConfig(store, currentConfig(store)); // another may be in use by now
    },
    setUserEnvVars: async () => {
      domains.setEnvironment(currentConfig(store).config);
    },
    setupVarDirectory: makeFolders(VAR_FOLDERS),
    startAllServices: async ({ signal, log: taskLog, waitingFor }) => {
      const ids = supervisor.list().map(service => service.id);
      taskLog(`waiting for ${ids.length} services`);
      supervisor.start(...ids);
      const waiting = new Set(ids);
      await Promise.all(
        ids.map(async id => {
          await supervisor.waitFor(id, 'up', signal);
          waiting.delete(id);
          waitingFor(waiting.size > 0 ? `services to be up: ${[...waiting].join(', ')}` : undefined);
        }),
      );
    },
    stopAllServices: () => supervisor.shutdown(),
    shutdown: async () => 'powerOff',
  };
}
