import type { AddressInfo } from 'node:net';
import { MachineServiceService } from '../gen/machine/machine.ts';
import { NetworkServiceService } from '../gen/network/network.ts';
import { StorageServiceService } from '../gen/storage/storage.ts';
import { NodeServiceService } from '../gen/talosd/v1/talosd.ts';
import { TalosdError } from '../lib/errors.ts';
import type { LineSink } from './access-log.ts';
import { type HandlerOf, localMethod } from './local.ts';
import { StrangerServer, type StrangerServerOptions } from './stranger-server.ts';

type Machine = typeof MachineServiceService;

export interface MaintenanceOptions extends StrangerServerOptions {
  /** Throws where the config cannot be taken: `failed to parse config: …`, `configuration validation failed: …`. */
  check(config: Buffer): void | Promise<void>;
  readonly disks: HandlerOf<(typeof StorageServiceService)['disks']>;
  readonly interfaces: HandlerOf<(typeof NetworkServiceService)['interfaces']>;
  readonly generateConfiguration: HandlerOf<Machine['generateConfiguration']>;
  readonly why: HandlerOf<(typeof NodeServiceService)['why']>;
  /** The console: what the user is to do. */
  readonly console: LineSink;
}

/** What the console says in maintenance mode (sequences-and-services.md §2.7). */
export function maintenanceLines(addresses: readonly string[], fingerprint: string): string[] {
  const firstIp = addresses[0] ?? '<IP>';
  const command = `\ttalosctl apply-config --insecure --nodes ${firstIp}`;
  return [
    'this machine is reachable at:',
    ...addresses.map(address => `\t${address}`),
    'server certificate fingerprint:',
    `\t${fingerprint}`,
    '',
    'upload configuration using talosctl:',
    `${command} --file <config.yaml>`,
    'or apply configuration using talosctl interactive installer:',
    `${command} --interactive`,
    'optionally with node fingerprint check:',
    `${command} --cert-fingerprint '${fingerprint}' --file <config.yaml>`,
  ];
}

/** Port 50000 of a machine that waits for a person to bring its config (spec/api.md §5). Ends with the first that is accepted. */
export class MaintenanceServer {
  readonly #options: MaintenanceOptions;
  readonly #accepted = Promise.withResolvers<Buffer>();
  #isTaken = false;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#accepted.promise.catch(() => {}); // an abort may come before `receive` waits for it
  }

  /**
   * Serves until a config was accepted and its sender answered, closes the port and returns the bytes as they came.
   * Rejects when `signal` aborts, or when the port cannot be opened. `onListening` learns the bound address.
   */
  async receive(signal: AbortSignal, onListening: (address: AddressInfo) => void = () => {}): Promise<Buffer> {
    signal.throwIfAborted();
    const { addresses, console, disks, interfaces, generateConfiguration, why } = this.#options;
    const server = new StrangerServer(this.#options, [
      localMethod(MachineServiceService.applyConfiguration, (request, context) => this.#apply(request, context)),
      localMethod(MachineServiceService.generateConfiguration, generateConfiguration),
      localMethod(NetworkServiceService.interfaces, interfaces),
      localMethod(StorageServiceService.disks, disks),
      localMethod(NodeServiceService.why, why),
    ]);
    const abort = () => this.#accepted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const { address, fingerprint } = await server.start();
      onListening(address);
      for (const line of maintenanceLines(addresses(), fingerprint)) console.info(line);
      return await this.#accepted.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      await server.close();
    }
  }

  async #apply(...[request, context]: Parameters<HandlerOf<Machine['applyConfiguration']>>) {
    if (request.onReboot) {
      throw new TalosdError('unknown', 'apply configuration on reboot is not supported in maintenance mode');
    }
    if (this.#isTaken) throw new TalosdError('unknown', 'a configuration was accepted already');
    await this.#options.check(request.data);
    if (this.#isTaken) throw new TalosdError('unknown', 'a configuration was accepted already');
    this.#isTaken = true;
    context.afterReply(() => this.#accepted.resolve(request.data));
    return { messages: [{ metadata: undefined }] };
  }
}
