import { existsSync } from 'node:fs';
import type { AuditLog } from './apid/audit-log.ts';
import { maintenanceGenerate } from './apid/handlers/config.ts';
import { networkHandlers } from './apid/handlers/network.ts';
import { whyHandler } from './apid/handlers/node.ts';
import { storageHandlers } from './apid/handlers/storage.ts';
import { localMethod } from './apid/local.ts';
import { MaintenanceServer } from './apid/maintenance.ts';
import { StrangerServer, type StrangerServerOptions } from './apid/stranger-server.ts';
import { loadUserConfig } from './config/load-user-config.ts';
import { NodeServiceService } from './gen/talosd/v1/talosd.ts';
import type { Clock } from './lib/clock.ts';
import { errorMessage } from './lib/errors.ts';
import type { Logger } from './lib/logger.ts';
import { Mutex } from './lib/mutex.ts';
import type { Scope } from './lib/scope.ts';
import { API_PORT } from './parts.ts';
import type { PlatformMode } from './platform/platform.ts';
import type { LoadedConfig } from './platform/stored-config.ts';
import type { TaskContext } from './sequencer/sequence.ts';
import type { Explanation } from './sequencer/why.ts';
import { accessLogger, type LogBuffers } from './services/log-buffers.ts';
import { listDisks } from './system/disks.ts';
import { kernelHostname } from './system/hostname.ts';
import type { NetworkObserver } from './system/network.ts';

export interface EarlyApiOptions {
  readonly listenHost: string;
  readonly mode: PlatformMode;
  readonly network: NetworkObserver;
  readonly explain: (subject: string) => Explanation;
  readonly logs: LogBuffers;
  readonly audit: AuditLog;
  readonly log: Logger;
  readonly clock: Clock;
}

/** How long a config may be in coming before port 50000 opens to say why, milliseconds. */
const QUIET = 2_000;

/**
 * Port 50000 of a node that has no config yet, and so cannot tell its owner from a stranger. Where the config is long in
 * coming it answers `why` and nothing else; in maintenance mode it takes a config from whoever brings one.
 */
export class EarlyApi {
  readonly #options: EarlyApiOptions;
  readonly #turns = new Mutex();
  #explainer: StrangerServer | undefined;
  /** Somebody else has the port now, or will have it. */
  #isOver = false;
  #stopWaiting: () => void = () => {};

  constructor(options: EarlyApiOptions) {
    this.#options = options;
  }

  /** Begins to wait; ends with `scope`, before which the port is free again. */
  start(scope: Scope): void {
    this.#stopWaiting = this.#options.clock.after(QUIET, () => void this.#turns.run(() => this.#open()));
    scope.add(() => this.#end());
  }

  /** Maintenance mode: resolves with the first config that is accepted. */
  async receive({ signal, log: taskLog }: TaskContext): Promise<LoadedConfig> {
    await this.#end();
    const { network, clock } = this.#options;
    const server = new MaintenanceServer({
      ...this.#common(),
      check: bytes => {
        this.#userConfig(bytes);
      },
      disks: storageHandlers({ listDisks }).disks,
      interfaces: networkHandlers({ network }).interfaces,
      generateConfiguration: maintenanceGenerate(clock),
      why: this.#why(),
      console: { info: taskLog },
    });
    return this.#userConfig(await server.receive(signal));
  }

  async #open(): Promise<void> {
    if (this.#isOver) return;
    const server = new StrangerServer(this.#common(), [localMethod(NodeServiceService.why, this.#why())]);
    try {
      await server.start();
      this.#explainer = server;
    } catch (error) {
      this.#options.log.warn(`why this node has no config yet cannot be asked: ${errorMessage(error)}`);
    }
  }

  #end(): Promise<void> {
    this.#isOver = true;
    this.#stopWaiting();
    return this.#turns.run(async () => {
      await this.#explainer?.close();
      this.#explainer = undefined;
    });
  }

  #common(): StrangerServerOptions {
    const { listenHost, network, logs, audit, log, clock } = this.#options;
    return {
      listen: { host: listenHost, port: API_PORT },
      addresses: () => network.addresses(),
      hostnames: () => [kernelHostname()],
      access: accessLogger(logs, 'machined', clock),
      audit,
      log,
      clock,
    };
  }

  #why() {
    const { explain } = this.#options;
    return whyHandler(subject => {
      const { ready, chain } = explain(subject);
      return { ready, chain: chain.map(cause => ({ ...cause, reason: withoutPaths(cause.reason) })) };
    });
  }

  /** A config that a person brings in maintenance mode. */
  #userConfig(bytes: Uint8Array): LoadedConfig {
    const { mode } = this.#options;
    return loadUserConfig(bytes, { mode, diskExists: existsSync, invalid: 'configuration validation failed' });
  }
}

/** A text for strangers: of a URL they see the server only, because whoever knows the rest may fetch the config. */
export function withoutPaths(text: string): string {
  return text.replace(/([a-z][a-z\d+.-]*:\/\/)(?:[^/?#@\s"]*@)?([^/?#\s"]+)[^\s"]*/gi, '$1$2/…');
}
