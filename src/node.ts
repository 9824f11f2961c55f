import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AuditLog } from './apid/audit-log.ts';
import { Callers } from './apid/callers.ts';
import { configHandlers } from './apid/handlers/config.ts';
import { containerHandlers } from './apid/handlers/containers.ts';
import { dmesgHandlers } from './apid/handlers/dmesg.ts';
import { eventHandlers } from './apid/handlers/events.ts';
import { fileHandlers } from './apid/handlers/files.ts';
import { inspectHandlers } from './apid/handlers/inspect.ts';
import { logHandlers } from './apid/handlers/logs.ts';
import { clusterHandlers, healthHandlers, lifeHandlers } from './apid/handlers/machine.ts';
import { machineStatsHandlers } from './apid/handlers/machine-stats.ts';
import { networkHandlers } from './apid/handlers/network.ts';
import { nodeServiceHandlers } from './apid/handlers/node.ts';
import { processHandlers } from './apid/handlers/processes.ts';
import { resourceHandlers } from './apid/handlers/resources.ts';
import { serviceHandlers } from './apid/handlers/services.ts';
import { timeHandlers } from './apid/handlers/time.ts';
import { CONTRACT_TAG, versionHandlers } from './apid/handlers/version.ts';
import type { Handlers } from './apid/local.ts';
import { decodeConfig } from './config/decode.ts';
import { timeServers } from './config/defaults.ts';
import { redactDocument } from './config/redact.ts';
import type { MachineConfig } from './config/schema/config.ts';
import { validateConfig, validationErrorText } from './config/validate.ts';
import { EarlyApi } from './early.ts';
import { sequencePublisher } from './events/publisher.ts';
import { EventStream } from './events/stream.ts';
import { abortable, endsWithin } from './lib/abort.ts';
import type { Clock } from './lib/clock.ts';
import { errorMessage, TalosdError } from './lib/errors.ts';
import { Scope } from './lib/scope.ts';
import { type NodeLife, nodeLife } from './life.ts';
import { asksMtu } from './networkd/model/kernel-arguments.ts';
import { type Networkd, startNetworkd } from './networkd/start.ts';
import { noElection } from './networkd/vip.ts';
import {
  API_PORT,
  apidPart,
  auditFile,
  authority,
  certificateNames,
  idlePart,
  networkdPart,
  ownAddresses,
  type PartsOptions,
  trustdPart,
} from './parts.ts';
import { machineTypeController } from './platform/controllers/machine_type.ts';
import type { KernelArguments } from './platform/kernel-args.ts';
import {
  acquireOverlay,
  EMPTY_OVERLAY,
  effectiveHostname,
  type Overlay,
  overlayAddresses,
} from './platform/overlay.ts';
import type { Platform } from './platform/platform.ts';
import type { ConfigParser, LoadedConfig } from './platform/stored-config.ts';
import { RELEASE } from './release.ts';
import { MachineConfigs } from './resources/config/machine_config.ts';
import { HOSTNAME_ID } from './resources/network/hostname_spec.ts';
import { HostnameStatuses } from './resources/network/hostname_status.ts';
import { registerAll } from './resources/register.ts';
import { ControllerEngine } from './runtime/engine.ts';
import type { ResourceType } from './runtime/resource.ts';
import { Store } from './runtime/store.ts';
import type { LifeEnd } from './sequencer/control.ts';
import { currentConfig } from './sequencer/current-config.ts';
import { type SequenceEvents, Sequencer } from './sequencer/engine.ts';
import { bootSequence } from './sequencer/sequences/boot.ts';
import { initializeSequence } from './sequencer/sequences/initialize.ts';
import { installSequence } from './sequencer/sequences/install.ts';
import { type Explanation, explain } from './sequencer/why.ts';
import { serviceChanges, serviceController } from './services/controllers/service.ts';
import { timeStatusController } from './services/controllers/time_status.ts';
import { apidService } from './services/definitions/apid.ts';
import { machinedService } from './services/definitions/machined.ts';
import { networkdService } from './services/definitions/networkd.ts';
import { routerdService } from './services/definitions/routerd.ts';
import { trustdService } from './services/definitions/trustd.ts';
import { LogBuffers, nodeLogger } from './services/log-buffers.ts';
import { Supervisor } from './services/supervisor.ts';
import { systemDhcpClients } from './system/dhcp.ts';
import { dialTcp } from './system/dial.ts';
import { exec } from './system/exec.ts';
import { kernelHostname } from './system/hostname.ts';
import { listNetwork } from './system/ip.ts';
import { MountReader } from './system/mounts.ts';
import { NetworkObserver } from './system/network.ts';
import { ntpQuery } from './system/ntp.ts';
import type { NodePaths } from './system/paths.ts';
import { ProcFs } from './system/procfs.ts';
import { ownFigures } from './system/self.ts';
import { TRUSTD_PORT } from './trustd/server.ts';

export interface NodeOptions {
  readonly platform: Platform;
  readonly paths: NodePaths;
  /** Address of ports 50000 and 50001; `::` or `0.0.0.0` for all. */
  readonly listenHost: string;
  /** Takes the node's own log as it is written: the console. */
  readonly console: (text: Uint8Array | string) => void;
  /** What the life before this one was told to go on with. */
  readonly handedOver?: LoadedConfig | undefined;
  /** What the machine's kernel was started with; empty where the kernel is somebody else's. */
  readonly kernelArguments: KernelArguments;
  readonly clock: Clock;
}

/** How long a node that could not start waits before it tries again, milliseconds. */
const RESTART_PAUSE = 10_000;
/** How long one part of a node may take to end, milliseconds. */
const CLOSE_PATIENCE = 10_000;

/**
 * One life of a node: every object is made here, started by `run`, and stopped when `run` ends. A node that has to
 * begin anew in place is another `Node`.
 */
export class Node {
  readonly #options: NodeOptions;
  readonly #scope = new Scope(error => this.#log.error(`stopping: ${errorMessage(error)}`));
  readonly #logs: LogBuffers;
  readonly #log: ReturnType<typeof nodeLogger>;
  readonly #events: EventStream;
  readonly #store = new Store();
  readonly #registry = registerAll(this.#store);
  readonly #engine: ControllerEngine;
  readonly #supervisor: Supervisor;
  readonly #sequencer: Sequencer;
  readonly #network: NetworkObserver;
  readonly #networkd: Networkd;
  readonly #callers: Callers;
  readonly #audit: AuditLog;
  readonly #earlyApi: EarlyApi;
  readonly #handlers: Handlers;
  readonly #life: NodeLife;
  /** What runs from the start until the service takes it over: maintenance mode has no services. */
  readonly #early = this.#scope.child();
  #overlay: Overlay = EMPTY_OVERLAY;
  readonly #since: number;
  #booted: number | undefined;
  #failure: string | undefined;
  /** The services are loaded. */
  readonly #loaded = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<LifeEnd>();

  constructor(options: NodeOptions) {
    const { platform, paths, clock, console } = options;
    this.#options = options;
    this.#since = clock.now();
    this.#logs = new LogBuffers({ console: (id, data) => id === 'machined' && console(data) });
    this.#log = nodeLogger(this.#logs, clock);
    this.#logs.register('controller-runtime');
    this.#events = new EventStream(clock);
    this.#supervisor = new Supervisor({ clock, log: this.#log, logs: this.#logs, events: this.#events });
    const events: SequenceEvents = sequencePublisher(this.#events);
    this.#sequencer = new Sequencer({ events, log: this.#log, clock });
    this.#network = new NetworkObserver({ clock, logger: this.#log, list: () => listNetwork(exec) });
    this.#audit = new AuditLog({
      path: auditFile(paths),
      clock,
      redactConfig: bytes => redactDocument(Buffer.from(bytes).toString()),
      onError: error => this.#log.error(`the audit log cannot be written: ${errorMessage(error)}`),
    });
    this.#engine = new ControllerEngine({
      store: this.#store,
      clock,
      log: line => this.#logs.write('controller-runtime', `${line}\n`),
    });
    this.#engine.register(serviceController(serviceChanges(this.#events)));
    this.#engine.register(timeStatusController({ isContainer: platform.mode === 'container' }));
    this.#engine.register(machineTypeController());
    this.#networkd = startNetworkd({
      ...{ store: this.#store, engine: this.#engine, exec, clock, paths, network: this.#network, log: this.#log },
      mode: platform.name === 'local' ? 'observe' : 'manage',
      isContainer: platform.mode === 'container',
      cmdline: options.kernelArguments,
      platformHostname: () => this.#overlay.hostname,
      dhcp: systemDhcpClients({
        ...{ clock, logger: this.#log, folder: join(paths.toHost('/system/run/networkd'), 'dhcp') },
        asksMtu: asksMtu(options.kernelArguments),
      }),
      elect: noElection(this.#log),
    });
    const ownAddress = ownAddresses(this.#network);
    this.#callers = new Callers({ clock, isOwn: address => ownAddress().has(address) });
    this.#earlyApi = new EarlyApi({
      ...{ listenHost: options.listenHost, mode: platform.mode, network: this.#network, logs: this.#logs },
      ...{ audit: this.#audit, log: this.#log, clock, explain: subject => this.#explain(subject) },
    });
    this.#life = nodeLife({
      events,
      ...{ callers: this.#callers, network: this.#network, kernelArguments: options.kernelArguments },
      ...{ platform, paths, clock, handedOver: options.handedOver, log: this.#log, tag: CONTRACT_TAG },
      ...{ store: this.#store, supervisor: this.#supervisor, sequencer: this.#sequencer, parse: this.#parse },
      validate: loaded => this.#validate(loaded),
      receiveConfig: context => this.#earlyApi.receive(context),
      takeOverlay: async ({ signal, waitingFor }) => {
        this.#overlay = await acquireOverlay(platform, { signal, waitingFor, log: this.#log }, clock);
        this.#networkd.platformHostnameChanged();
      },
      beforeReset: () => this.#audit.close(),
      onEnd: end => this.#ended.resolve(end),
    });
    this.#handlers = this.#makeHandlers();
  }

  /** Everything from start to end; resolves with what the machine is to do then, and with which config. */
  async run(): Promise<LifeEnd> {
    this.#engine.start(this.#scope);
    await this.#network.start(this.#early);
    this.#earlyApi.start(this.#early);
    const { actions, trials, stored } = this.#life;
    const start = async () => {
      await trials.resume();
      await this.#sequencer.run(initializeSequence(actions));
      await trials.startedWith(currentConfig(this.#store).bytes);
      await this.#sequencer.run(installSequence());
      await this.#loadServices();
      await this.#sequencer.run(bootSequence(actions));
      this.#booted = this.#options.clock.now();
      if (!trials.current) await stored.markGood(currentConfig(this.#store));
    };
    start().catch(error => this.#failed(error));
    const end = await this.#ended.promise;
    await this.#close();
    return end;
  }

  /** Stops everything that this life started. The machine waits for it: what does not end in its time is left alone. */
  async #close(): Promise<void> {
    const steps: readonly (readonly [what: string, step: () => Promise<void>])[] = [
      ['the network', () => this.#networkd.close()],
      ['the controllers', () => this.#scope.close()],
      ['what was lent by the machine', () => this.#life.release()],
      ['the audit log', () => this.#audit.close()],
    ];
    for (const [what, step] of steps) {
      try {
        const isClosed = await endsWithin(step(), CLOSE_PATIENCE, this.#options.clock);
        if (!isClosed) this.#log.error(`stopping: ${what} did not end in ${CLOSE_PATIENCE / 1000}s and is left alone`);
      } catch (error) {
        this.#log.error(`stopping: ${what}: ${errorMessage(error)}`);
      }
    }
  }

  /** With the API up its owner sees what is wrong; a node that cannot be reached tries again. */
  #failed(error: unknown): void {
    this.#failure = `start-up ended: ${errorMessage(error)}`;
    this.#log.error(this.#failure);
    if (this.#supervisor.find('apid')) return;
    const pause = this.#options.clock.sleep(RESTART_PAUSE, this.#scope.signal);
    pause.then(
      () => this.#ended.resolve({ command: 'restart', config: undefined }),
      () => {}, // something else ended this life meanwhile
    );
  }

  /** Ends this life of the node; `reason` is what the log says. */
  async shutdown(reason: string): Promise<void> {
    this.#log.info(reason);
    await this.#life.control.shutdown();
  }

  /** Resolves when the API answers. */
  async up(signal: AbortSignal): Promise<void> {
    await abortable(this.#loaded.promise, signal);
    await this.#supervisor.waitFor('apid', 'up', signal);
  }

  /** Parses a config that this node keeps: keys that it does not know are noted, not refused. */
  readonly #parse: ConfigParser = (bytes, file): LoadedConfig => {
    const { config, notes } = decodeConfig(bytes, { file, unknownKeys: 'note' });
    for (const note of notes) this.#log.warn(`${note.file}:${note.line}:${note.column}: ${note.path}: ${note.message}`);
    return { config, bytes };
  };

  #validate({ config }: LoadedConfig): void {
    const { problems } = validateConfig(config, { mode: this.#options.platform.mode, diskExists: existsSync });
    if (problems.length > 0) throw new TalosdError('unknown', validationErrorText(problems));
  }

  #config(): MachineConfig {
    return currentConfig(this.#store).config;
  }

  /** What this node may be called: the name that it has, and the one that somebody gives it, where it cannot take that. */
  #names() {
    const status = this.#store.find(HostnameStatuses, HOSTNAME_ID)?.spec;
    const own = status?.hostname ?? kernelHostname();
    const given = effectiveHostname(this.#config(), this.#overlay) ?? own;
    return { hostnames: [given, own], domain: status?.domain ?? '' };
  }

  async #loadServices(): Promise<void> {
    const { listenHost, paths, clock } = this.#options;
    const isControlPlane = authority(this.#config()) !== undefined;
    const ids = ['machined', 'networkd', 'routerd', 'apid', ...(isControlPlane ? ['trustd'] : [])];
    const loaded = new Set(ids);
    const dialAddress = listenHost === '::' || listenHost === '0.0.0.0' ? '127.0.0.1' : listenHost;
    const parts: PartsOptions = {
      listenHost,
      config: () => this.#config(),
      names: () =>
        certificateNames(this.#config(), {
          ...this.#names(),
          addresses: this.#network.addresses(),
          overlay: overlayAddresses(this.#config(), this.#overlay),
        }),
      onNamesChange: listener => this.#onNamesChange(listener),
      handlers: this.#handlers,
      network: this.#network,
      callers: this.#callers,
      audit: this.#audit,
      logs: this.#logs,
      paths,
      clock,
    };
    const answer = async () => void (await this.#supervisor.list());
    await this.#networkd.configured;
    const networkd = networkdPart(this.#network, this.#networkd);
    this.#supervisor.load(
      machinedService({ part: idlePart() }),
      networkdService({ part: networkd, loaded, observer: networkd }),
      routerdService({ part: idlePart(), loaded, answer }),
      apidService({ part: apidPart(parts), loaded, address: dialAddress, port: API_PORT, dial: dialTcp }),
    );
    if (isControlPlane) {
      const part = trustdPart(parts);
      this.#supervisor.load(trustdService({ part, loaded, address: dialAddress, port: TRUSTD_PORT, dial: dialTcp }));
    }
    await this.#early.close();
    // The API does not wait for the boot sequence: whatever that does, its owner can see it.
    this.#supervisor.start(...ids);
    this.#loaded.resolve();
  }

  #onNamesChange(listener: () => void): () => void {
    const stopNetwork = this.#network.onChange(listener);
    const abort = new AbortController();
    const watch = async (type: ResourceType<never>) => {
      for await (const _ of this.#store.watchKind(type, abort.signal)) listener();
    };
    Promise.all([watch(MachineConfigs), watch(HostnameStatuses)]).catch(error => {
      if (!abort.signal.aborted) this.#log.error(`names of the node are not followed any more: ${errorMessage(error)}`);
    });
    return () => {
      stopNetwork();
      abort.abort();
    };
  }

  #makeHandlers(): Handlers {
    const { platform, paths, clock } = this.#options;
    const proc = new ProcFs();
    const config = () => this.#config();
    return {
      machine: {
        ...versionHandlers({ ...RELEASE, platform: () => platform }),
        ...machineStatsHandlers({ proc, mounts: new MountReader(proc, this.#log) }),
        ...processHandlers({ proc }),
        ...fileHandlers({ paths, logger: this.#log }),
        ...dmesgHandlers({ clock, proc }),
        ...serviceHandlers({ supervisor: this.#supervisor }),
        ...logHandlers({ logs: this.#logs, audit: this.#audit }),
        ...eventHandlers({ events: this.#events }),
        ...containerHandlers({ supervisor: this.#supervisor, figures: ownFigures }),
        ...configHandlers({
          applier: this.#life.applier,
          config,
          storedConfig: async () => (await this.#life.stored.load())?.config,
          clock,
        }),
        ...lifeHandlers({ mode: platform.mode, config, control: this.#life.control, log: this.#log }),
        ...clusterHandlers({ config }),
      },
      cluster: healthHandlers(),
      node: nodeServiceHandlers({ applier: this.#life.applier, explain: subject => this.#explain(subject) }),
      resource: resourceHandlers({ store: this.#store, registry: this.#registry }),
      inspect: inspectHandlers({ engine: this.#engine }),
      network: networkHandlers({ network: this.#network }),
      time: timeHandlers({ clock, query: ntpQuery(clock), server: () => timeServers(this.#config())[0]! }),
    };
  }

  #explain(subject: string): Explanation {
    return explain(subject, {
      running: this.#sequencer.running,
      supervisor: this.#supervisor,
      life: { since: this.#since, booted: this.#booted, failure: this.#failure },
      trial: this.#life.trials.current,
    });
  }
}
