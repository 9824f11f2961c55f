import { writeFile } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { Wakeups } from '../lib/wakeups.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../resources/config/machine_config.ts';
import type { Controller, Source } from '../runtime/controller.ts';
import type { ControllerEngine } from '../runtime/engine.ts';
import type { Store } from '../runtime/store.ts';
import { neighbourAnnouncer } from '../system/arp.ts';
import type { DhcpClients } from '../system/dhcp.ts';
import type { Exec } from '../system/exec.ts';
import type { NodePaths } from '../system/paths.ts';
import { resolveHost } from '../system/wg.ts';
import { NetworkApplier, type ObservedNetwork } from './applier.ts';
import { addressStatusController } from './controllers/address_status.ts';
import { deviceConfigController } from './controllers/device_config.ts';
import { deviceMergeController } from './controllers/device_merge.ts';
import { hostnameConfigController } from './controllers/hostname_config.ts';
import { hostnameMergeController } from './controllers/hostname_merge.ts';
import { hostnameStatusController } from './controllers/hostname_status.ts';
import { hostsFileController } from './controllers/hosts_file.ts';
import { kernelNetworkController } from './controllers/kernel_network.ts';
import { linkStatusController } from './controllers/link_status.ts';
import { operatorController } from './controllers/operators.ts';
import { resolverConfigController } from './controllers/resolver_config.ts';
import { resolverMergeController } from './controllers/resolver_merge.ts';
import { resolverStatusController } from './controllers/resolver_status.ts';
import { routeStatusController } from './controllers/route_status.ts';
import { routerAdvertisementController } from './controllers/router_advertisement.ts';
import { timeServerConfigController } from './controllers/time_server_config.ts';
import { timeServerMergeController } from './controllers/time_server_merge.ts';
import { timeServerStatusController } from './controllers/time_server_status.ts';
import { wireguardController } from './controllers/wireguard.ts';
import { Dhcp4Operator } from './dhcp/operator4.ts';
import { Dhcp6Operator } from './dhcp/operator6.ts';
import type { KernelArguments } from './model/kernel-arguments.ts';
import { Operators } from './operators.ts';
import { Ownership } from './ownership.ts';
import { ProblemReporter } from './problems.ts';
import { type Election, VipOperator } from './vip.ts';
import { WireguardApplier } from './wireguard-applier.ts';

/** What networkd is built from. */
export interface NetworkdOptions {
  readonly store: Store;
  /** Not started yet. */
  readonly engine: ControllerEngine;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly paths: NodePaths;
  /** `observe` reads only: somebody else's machine (platform `local`). */
  readonly mode: 'manage' | 'observe';
  /** Names of a container are its runtime's (spec/network.md §7.3). */
  readonly isContainer: boolean;
  readonly cmdline: KernelArguments;
  /** The name that the platform gives, once it is known. */
  readonly platformHostname: () => string | undefined;
  /** The network with all detail: a `NetworkObserver` whose `list` is `listNetwork`. Whoever made it starts it. */
  readonly network: ObservedNetwork;
  readonly dhcp: DhcpClients;
  /** Decides who holds shared addresses. */
  readonly elect: Election;
  /** The log of the service `networkd`. */
  readonly log: Logger;
}

/** The running networkd. */
export interface Networkd {
  /** Resolves after the first whole turn, whatever of it failed (spec/network.md §1.1). */
  readonly configured: Promise<void>;
  /** What is wanted and cannot be, now. */
  readonly problems: ProblemReporter;
  /** To be called when `platformHostname` may give another name. */
  readonly platformHostnameChanged: () => void;
  /**
   * Ends what runs on links: shared addresses are given up, leases are left as they are. To be called, once or more, while
   * the controllers and the observer of the network still run.
   */
  readonly close: () => Promise<void>;
}

/** Node path of the folder of networkd. */
const FOLDER = '/system/run/networkd';

/**
 * Registers everything that keeps the network as it is wanted (spec/network.md); it runs with the engine, from the first
 * listing of the network on.
 */
export function startNetworkd(options: NetworkdOptions): Networkd {
  const { store, engine, exec, clock, paths, mode, isContainer, cmdline, platformHostname, network, log } = options;
  const configured = Promise.withResolvers<void>();
  const problems = new ProblemReporter({
    log,
    document: () => store.find(MachineConfigs, MACHINE_CONFIG_ID)?.spec.bytes,
  });
  const sources = { network, cmdline, problems };
  let close = async () => {};
  const platformWakeups = new Wakeups();
  const setsNames = mode === 'manage' && !isContainer;
  const files = { mode, paths, log };
  // They have their turns in this order: whoever tells the kernel is not kept waiting by those who tell what it has.
  const controllers = [
    deviceConfigController({ ...sources, isContainer }),
    deviceMergeController(),
    ...(mode === 'manage' ? managing() : []),
    linkStatusController(network, log),
    addressStatusController(network),
    routeStatusController(network),
    hostnameConfigController({ ...sources, platformHostname, onPlatformHostname: wakeSource(platformWakeups) }),
    hostnameMergeController(),
    hostnameStatusController({ setsNames }),
    resolverConfigController(sources),
    resolverMergeController(),
    resolverStatusController({ ...files, setsNames }),
    timeServerConfigController(),
    timeServerMergeController(),
    timeServerStatusController(),
  ];
  if (mode === 'manage') void keepSecondaryAddresses(log);
  else configured.resolve();

  function managing(): Controller[] {
    const folder = paths.toHost(FOLDER);
    const ownership = new Ownership({ file: `${folder}/owned.json`, log });
    const applier = new NetworkApplier({ exec, clock, network, ownership, problems, log });
    const wireguard = new WireguardApplier({ exec, folder, resolve: resolveHost });
    const operators = makeOperators(options);
    close = () => operators.close();
    return [
      kernelNetworkController({ applier, network, clock, onTurn: configured.resolve }),
      operatorController(operators),
      wireguardController({ applier: wireguard, problems, clock }),
      routerAdvertisementController({ exec, problems }),
      hostsFileController(files),
    ];
  }

  for (const controller of controllers) engine.register(controller);
  const platformHostnameChanged = () => platformWakeups.wake();
  return { configured: configured.promise, problems, platformHostnameChanged, close };
}

function makeOperators({ exec, clock, dhcp, elect, log }: NetworkdOptions): Operators {
  const tools = { clients: dhcp, clock, logger: log };
  const shared = { elect, announcer: neighbourAnnouncer(exec), clock, logger: log };
  return new Operators(
    {
      dhcp4: (spec, changed) => new Dhcp4Operator(tools, spec, changed),
      dhcp6: (spec, changed) => new Dhcp6Operator(tools, spec, changed),
      vip: (spec, changed) => new VipOperator(shared, spec, changed),
    },
    log,
  );
}

function wakeSource(wakeups: Wakeups): Source {
  return async (trigger, signal) => {
    while (!signal.aborted) {
      await wakeups.wait(signal);
      trigger();
    }
  };
}

/** Without this the kernel drops all other addresses of a network together with its first one, foreign ones too. */
async function keepSecondaryAddresses(log: Logger): Promise<void> {
  try {
    await writeFile('/proc/sys/net/ipv4/conf/all/promote_secondaries', '1');
  } catch (error) {
    log.warn(`promote_secondaries can't be set: ${errorMessage(error)}`);
  }
}
