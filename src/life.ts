import { existsSync } from 'node:fs';
import type { Callers } from './apid/callers.ts';
import type { Clock } from './lib/clock.ts';
import type { Logger } from './lib/logger.ts';
import { Mutex } from './lib/mutex.ts';
import { UserEnvironment } from './platform/environment.ts';
import type { KernelArguments } from './platform/kernel-args.ts';
import type { Platform } from './platform/platform.ts';
import { type ConfigParser, type LoadedConfig, StoredConfig } from './platform/stored-config.ts';
import { TrialFile } from './platform/trial.ts';
import { UserFiles } from './platform/user-files.ts';
import type { Store } from './runtime/store.ts';
import type { NodeActions } from './sequencer/actions.ts';
import { ConfigApplier } from './sequencer/apply.ts';
import { LifeControl, type LifeEnd } from './sequencer/control.ts';
import type { SequenceEvents, Sequencer } from './sequencer/engine.ts';
import { ConnectivityGuard } from './sequencer/guard.ts';
import type { TaskContext } from './sequencer/sequence.ts';
import { liveEffects, nodeActions, type TaskDomains } from './sequencer/tasks.ts';
import { Trials } from './sequencer/trials.ts';
import type { Supervisor } from './services/supervisor.ts';
import { bindMounts } from './system/bind-mount.ts';
import { exec } from './system/exec.ts';
import { emptyFolder } from './system/files.ts';
import { neighbourProbe } from './system/neighbours.ts';
import type { NetworkSnapshot } from './system/network-snapshot.ts';
import type { NodePaths } from './system/paths.ts';
import { TrustedAuthorities } from './system/trust.ts';

export interface NodeLifeOptions {
  readonly platform: Platform;
  readonly paths: NodePaths;
  readonly store: Store;
  readonly supervisor: Supervisor;
  readonly sequencer: Sequencer;
  readonly events: SequenceEvents;
  readonly callers: Callers;
  readonly network: { readonly snapshot: NetworkSnapshot };
  readonly kernelArguments: KernelArguments;
  readonly parse: ConfigParser;
  /** Throws with every rule that the config breaks. */
  readonly validate: (config: LoadedConfig) => void;
  readonly receiveConfig: (context: TaskContext) => Promise<LoadedConfig>;
  readonly takeOverlay: (context: TaskContext) => Promise<void>;
  readonly handedOver: LoadedConfig | undefined;
  /** Lets go of what is open in the state folder. */
  readonly beforeReset: () => Promise<void>;
  readonly onEnd: (end: LifeEnd) => void;
  readonly tag: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What leads a node from one config, and from one life, to the next. */
export interface NodeLife {
  readonly actions: NodeActions;
  readonly control: LifeControl;
  readonly applier: ConfigApplier;
  readonly trials: Trials;
  readonly stored: StoredConfig;
  /** Gives back what this life took from the machine: environment, trusted authorities, mounts, timers. */
  release(): Promise<void>;
}

/** Makes the tasks of the sequences, and who changes the config of a running node. */
export function nodeLife(options: NodeLifeOptions): NodeLife {
  const { platform, paths, store, supervisor, sequencer, parse, handedOver, clock, log } = options;
  const { stateFolder } = paths;
  const folder = { stateFolder: paths.toHost('/system/state'), log };
  const stored = new StoredConfig({ ...folder, parse });
  const turns = new Mutex();
  const onCutOff = (message: string) =>
    options.events.sequence('applyConfiguration', 'NOOP', { code: 'FATAL', message });
  const trials = new Trials({ file: new TrialFile(folder), stored, turns, clock, log, onCutOff });
  const mounts = bindMounts(exec);
  const files = new UserFiles({ paths, mounts });
  const environment = new UserEnvironment(process.env);
  const authorities = new TrustedAuthorities();
  const reset = async (own: string) => {
    await options.beforeReset();
    await emptyFolder(own);
  };
  const domains: TaskDomains = {
    ...{ platform, paths, stored, store, supervisor, parse, files, environment, mounts, log },
    ...{ validate: options.validate, receiveConfig: options.receiveConfig, takeOverlay: options.takeOverlay },
    tag: options.tag,
    ...(handedOver ? { handedOver } : {}),
    ...(stateFolder === undefined ? {} : { resetState: () => reset(stateFolder) }),
    authorities,
  };
  const actions = nodeActions(domains);
  const control = new LifeControl({ sequencer, actions, supervisor, stored, log, onEnd: options.onEnd });
  const applier = new ConfigApplier({
    ...{ sequencer, control, stored, trials, turns, store, clock, log },
    mode: platform.mode,
    diskExists: existsSync,
    hasService: id => supervisor.find(id) !== undefined,
    effects: liveEffects(domains),
    // Somebody else's machine has a network that no config changes.
    ...(platform.name === 'local' ? {} : { guard: connectivityGuard(options) }),
  });
  const release = async () => {
    trials.close();
    environment.apply({});
    authorities.release();
    await files.release();
  };
  return { actions, control, applier, trials, stored, release };
}

function connectivityGuard({ callers, network, kernelArguments: cmdline, clock, log }: NodeLifeOptions) {
  return new ConnectivityGuard({
    ...{ network, cmdline, clock, log, probe: neighbourProbe(exec, clock) },
    recent: milliseconds => callers.recent(milliseconds),
    onCall: listener => callers.onCall(listener),
  });
}
