import type { AddressInfo } from 'node:net';
import { MachineServiceService } from '../gen/machine/machine.ts';
import { NetworkServiceService } from '../gen/network/network.ts';
import { StorageServiceService } from '../gen/storage/storage.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { CertificateAuthority, createCa, validFor } from '../pki/ca.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';
import { NodeCertificates } from '../trustd/node-certificates.ts';
import { localIssuer } from '../trustd/sign.ts';
import { TlsListener } from '../trustd/tls-listener.ts';
import { type LineSink, plainAccessLine } from './access-log.ts';
import type { AuditLog } from './audit-log.ts';
import type { ServerCall } from './call.ts';
import { type CallService, GrpcServer } from './grpc-server.ts';
import { type HandlerOf, type LocalMethod, localMethod } from './local.ts';
import { type Method, methodOf, splitPath } from './methods.ts';
import { peerOf } from './server.ts';
import { pump } from './sink.ts';
import { type StatusError, statusError, toStatus } from './status.ts';

type Machine = typeof MachineServiceService;

export interface MaintenanceOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Global unicast addresses of the machine, in the order to show them; asked at entry and at each renewal. */
  addresses(): readonly string[];
  /** Host name, and the name with its domain where there is one. */
  hostnames(): readonly string[];
  /** Throws where the config cannot be taken: `failed to parse config: …`, `configuration validation failed: …`. */
  check(config: Buffer): void | Promise<void>;
  readonly disks: HandlerOf<(typeof StorageServiceService)['disks']>;
  readonly interfaces: HandlerOf<(typeof NetworkServiceService)['interfaces']>;
  readonly generateConfiguration: HandlerOf<Machine['generateConfiguration']>;
  /** The console: what the user is to do. */
  readonly console: LineSink;
  /** Request lines. */
  readonly access: LineSink;
  /** Who brought a config, or tried to. */
  readonly audit: Pick<AuditLog, 'served'>;
  readonly log: Logger;
  readonly clock: Clock;
}

const CA_HOURS = 24;
const GRACE_MILLISECONDS = 5000;
/** Anybody may connect here. */
const MAX_STREAMS = 64;

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

/**
 * Port 50000 of a machine that has no config yet (spec/api.md §5): TLS without client certificates under an authority
 * of its own, four methods, no routing. Ends with the first config that is accepted.
 */
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
    const certificates = await this.#certificates();
    const grpc = this.#grpcServer();
    const listener = new TlsListener({
      ...this.#options.listen,
      secureContext: () => ({ cert: certificates.current.crt, key: certificates.current.key, requestCert: false }),
      onConnection: socket => grpc.inject(socket, peerOf(socket)),
      onRefused: () => {}, // without client certificates nobody is refused but strangers to TLS
    });
    const stopRotation = certificates.onChange(() => listener.rotate());
    const abort = () => this.#accepted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      onListening(await listener.listen());
      const lines = maintenanceLines(this.#options.addresses(), certificates.current.fingerprint);
      for (const line of lines) this.#options.console.info(line);
      return await this.#accepted.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      stopRotation();
      await listener.stop();
      await grpc.close(GRACE_MILLISECONDS);
      await listener.close();
      await certificates.close();
    }
  }

  async #certificates(): Promise<NodeCertificates> {
    const { clock, log, addresses, hostnames } = this.#options;
    const validity = validFor(clock.now(), CA_HOURS);
    const ca = new CertificateAuthority(
      await createCa({ algorithm: 'ed25519', subject: EMPTY_ORGANIZATION, validity }),
    );
    const certificates = new NodeCertificates({
      names: () => ({ dnsNames: hostnames(), ips: [...addresses(), '127.0.0.1', '::1'] }),
      issue: localIssuer(ca, clock),
      log,
      clock,
    });
    await certificates.start();
    return certificates;
  }

  #grpcServer(): GrpcServer {
    const { log, clock } = this.#options;
    const methods = [MachineServiceService, NetworkServiceService, StorageServiceService].flatMap(service =>
      Object.values(service).map(methodOf),
    );
    return new GrpcServer({
      methods,
      clock,
      maxStreams: MAX_STREAMS,
      service: this.#service(methods),
      onError: error => log.error(`an action after a reply failed: ${errorMessage(error)}`),
    });
  }

  #service(methods: readonly Method[]): CallService {
    const { disks, interfaces, generateConfiguration, access, audit, clock } = this.#options;
    const local = new Map<string, LocalMethod>(
      [
        localMethod(MachineServiceService.applyConfiguration, (request, context) => this.#apply(request, context)),
        localMethod(MachineServiceService.generateConfiguration, generateConfiguration),
        localMethod(NetworkServiceService.interfaces, interfaces),
        localMethod(StorageServiceService.disks, disks),
      ].map(method => [method.path, method]),
    );
    const services = new Set(methods.map(method => method.service));
    const find = (call: ServerCall): LocalMethod => {
      const method = local.get(call.head.path);
      if (!method) throw statusError('unimplemented', `method ${call.head.method?.name} not implemented`);
      return method;
    };
    return {
      refuse: call => refusal(call.head.path, services),
      isStreamed: () => false,
      unary: async (call, request) => {
        const method = find(call);
        if (method.kind !== 'unary') throw statusError('internal', `${call.head.path} is a stream`);
        const record = (status: StatusError | undefined) => {
          if (call.head.method?.isChange) audit.served(call, request, status, false);
        };
        try {
          const reply = await method.run(request, call);
          record(undefined);
          return reply;
        } catch (error) {
          record(toStatus(error));
          throw error;
        }
      },
      stream: async (call, request, sink) => {
        const method = find(call);
        if (method.kind !== 'stream') throw statusError('internal', `${call.head.path} is not a stream`);
        await pump(method.run(request, call), sink);
      },
      finished: (call, status) => access.info(plainAccessLine(call, status, clock)),
    };
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

function refusal(path: string, services: ReadonlySet<string>): StatusError {
  const parts = splitPath(path);
  if (!parts) return statusError('unimplemented', `malformed method name: ${JSON.stringify(path)}`);
  const { service, name } = parts;
  const text = services.has(service) ? `unknown method ${name} for service ${service}` : `unknown service ${service}`;
  return statusError('unimplemented', text);
}
