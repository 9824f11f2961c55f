import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorList, errorMessage, hasCode, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { acquireConfig } from '../platform/acquire.ts';
import type { UserEnvironment } from '../platform/environment.ts';
import { osRelease } from '../platform/os-release.ts';
import type { Platform } from '../platform/platform.ts';
import type { ConfigParser, LoadedConfig, StoredConfig } from '../platform/stored-config.ts';
import { REQUIRED_IN_CONTAINER, writeContainerSysctls, writeSysctl } from '../platform/sysctls.ts';
import { authorityBundles, type UserFiles } from '../platform/user-files.ts';
import type { Store } from '../runtime/store.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { BindMounts } from '../system/bind-mount.ts';
import { atomicWrite, ensureDir } from '../system/files.ts';
import type { NodePaths } from '../system/paths.ts';
import type { TrustedAuthorities } from '../system/trust.ts';
import type { NodeActions } from './actions.ts';
import type { LiveEffects } from './activation.ts';
import { currentConfig, publishConfig } from './current-config.ts';
import type { TaskContext } from './sequence.ts';
import { serviceCause } from './why.ts';

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
  /** Asks the platform for this machine's name and addresses, and keeps what it says. */
  readonly takeOverlay: (context: TaskContext) => Promise<void>;
  /** What the life of the agent before this one was told to go on with. */
  readonly handedOver?: LoadedConfig;
  /** Empties what is this node's own; absent where a reset only ends the node. */
  readonly resetState?: () => Promise<void>;
  readonly files: Pick<UserFiles, 'write'>;
  readonly environment: UserEnvironment;
  readonly authorities: TrustedAuthorities;
  readonly mounts: BindMounts;
  /** Tag of the release that /etc/os-release names. */
  readonly tag: string;
  readonly log: Logger;
}

/** Where kernel parameters lie. */
const SYSCTL_ROOT = '/proc/sys';

/** Folders of the node that exist from the start, with their modes (sequences-and-services.md §2.6). */
const SYSTEM_FOLDERS = ['/system/etc', '/system/run', '/system/var', '/system/state'];
const VAR_FOLDERS = ['/var/log/pods', '/var/lib/kubelet', '/var/run/lock'];

/** Ties the task names of the sequences to the domains of this node. */
export function nodeActions(domains: TaskDomains): NodeActions {
  const { platform, paths, stored, store, supervisor, parse, validate, handedOver, log } = domains;
  const makeFolders = (folders: readonly string[]) => async () => {
    for (const folder of folders) await ensureDir(paths.toHost(folder), 0o700);
  };
  const assertValid = (loaded: LoadedConfig) => {
    try {
      validate(loaded);
    } catch (error) {
      throw new TalosdError('unknown', `failed to validate config: ${errorMessage(error)}`, { cause: error });
    }
  };
  return {
    setupLogger: async () => {},
    setupSystemDirectory: makeFolders(SYSTEM_FOLDERS),
    createOSReleaseFile: () => writeOsRelease(domains),
    loadConfig: async context => {
      const { signal, waitingFor } = context;
      let loaded = await acquireConfig({
        platform,
        stored,
        parse,
        handedOver,
        taskLog: context.log,
        log,
        signal,
        waitingFor,
      });
      if (!loaded) {
        context.log('starting maintenance service');
        context.waitingFor('a person to bring a configuration: talosctl apply-config --insecure');
        loaded = await domains.receiveConfig(context);
        context.waitingFor(undefined);
      }
      assertValid(loaded);
      publishConfig(store, loaded);
    },
    validateConfig: async () => validate(currentConfig(store)),
    saveConfig: async context => {
      await domains.takeOverlay(context);
      const config = currentConfig(store);
      await stored.saveFirst(config.bytes);
      publishConfig(store, currentConfig(store)); // another may be in use by now
    },
    setUserEnvVars: async () => domains.environment.apply(currentConfig(store).config.machine?.env ?? {}),
    setupVarDirectory: makeFolders(VAR_FOLDERS),
    startAllServices: context => startAllServices(supervisor, context),
    writeUserFiles: async () => {
      const { config } = currentConfig(store);
      domains.authorities.trust(authorityBundles(config));
      await domains.files.write(config);
    },
    ...(paths.isIdentity ? sysctlActions(domains) : {}),
    stopNetworkd: async () => {
      if (supervisor.find('networkd')) await supervisor.stop('networkd');
    },
    stopAllServices: () => supervisor.shutdown(),
    ...(domains.resetState ? { resetState: domains.resetState } : {}),
    restartAgent: async () => 'restart',
    shutdown: async () => 'powerOff',
  };
}

/** Starts every service and waits until all are up; fails with the name of each that is not when its time is over. */
async function startAllServices(supervisor: Supervisor, { signal, log, waitingFor }: TaskContext): Promise<void> {
  const ids = supervisor.list().map(service => service.id);
  log(`waiting for ${ids.length} services`);
  supervisor.start(...ids);
  const waiting = new Set(ids);
  const tell = () => waitingFor(waiting.size > 0 ? `services to be up: ${[...waiting].join(', ')}` : undefined);
  tell();
  const whenUp = async (id: string) => {
    await supervisor.waitFor(id, 'up', signal);
    waiting.delete(id);
    tell();
  };
  try {
    await Promise.all(ids.map(whenUp));
  } catch (error) {
    if (!signal.aborted || !hasCode(signal.reason, 'deadline_exceeded')) throw error;
    const missing = [...waiting].flatMap(id => supervisor.find(id) ?? []).map(serviceCause);
    const lines = missing.map(({ subject, state, reason }) => `${subject} is not up, it is ${state}: ${reason}`);
    throw new TalosdError('deadline_exceeded', errorList(lines), { cause: error });
  }
}

/** What accepted configs change on this node besides the resource (see `Activation`). */
export function liveEffects(domains: TaskDomains): LiveEffects {
  const { supervisor, files, environment, paths } = domains;
  return {
    environment: ({ machine }) => environment.apply(machine?.env ?? {}),
    files: config => files.write(config, 'direct'),
    ...(paths.isIdentity ? { sysctls: ({ machine }) => writeSysctls(domains, machine?.sysctls ?? {}) } : {}),
    restart: async id => {
      await supervisor.stop(id);
      supervisor.start(id);
    },
  };
}

/** Kernel parameters of a node that has them to itself; a guest on somebody's machine leaves those of its host alone. */
function sysctlActions(
  domains: TaskDomains,
): Pick<NodeActions, 'writeRequiredSysctlsForContainer' | 'writeUserSysctls'> {
  const { platform, store } = domains;
  return {
    ...(platform.mode === 'container'
      ? { writeRequiredSysctlsForContainer: () => writeSysctls(domains, REQUIRED_IN_CONTAINER) }
      : {}),
    writeUserSysctls: () => writeSysctls(domains, currentConfig(store).config.machine?.sysctls ?? {}),
  };
}

async function writeSysctls({ platform, log }: TaskDomains, sysctls: Readonly<Record<string, string>>): Promise<void> {
  if (platform.mode === 'container') return writeContainerSysctls(sysctls, { root: SYSCTL_ROOT, log });
  for (const [key, value] of Object.entries(sysctls)) await writeSysctl(SYSCTL_ROOT, key, value);
}

/** /etc/os-release as this node shows it; where nothing may be mounted the image's own stays. */
async function writeOsRelease({ paths, mounts, tag, log }: TaskDomains): Promise<void> {
  const target = '/etc/os-release';
  paths.addFile(target);
  const source = paths.isIdentity ? '/system/etc/os-release' : paths.toHost(target);
  await mkdir(dirname(source), { recursive: true });
  if (!paths.isIdentity) return atomicWrite(source, osRelease(tag), 0o644);
  try {
    // Left by an earlier life of the agent: nothing can be mounted over a mounted file that is replaced underneath.
    if (await mounts.isBound(source, target)) await mounts.unbind(target);
    await atomicWrite(source, osRelease(tag), 0o644);
    await mounts.bind(source, target);
  } catch (error) {
    log.warn(`failed to create bind mount for ${target}: ${errorMessage(error)}`);
  }
}
