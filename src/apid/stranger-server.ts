import type { AddressInfo } from 'node:net';
import { MachineServiceService } from '../gen/machine/machine.ts';
import { NetworkServiceService } from '../gen/network/network.ts';
import { StorageServiceService } from '../gen/storage/storage.ts';
import { NodeServiceService } from '../gen/talosd/v1/talosd.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
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
import type { LocalMethod } from './local.ts';
import { methodOf, splitPath } from './methods.ts';
import { peerOf } from './server.ts';
import { pump } from './sink.ts';
import { type StatusError, statusError, toStatus } from './status.ts';

export interface StrangerServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Global unicast addresses of the machine, in the order to show them; asked at entry and at each renewal. */
  addresses(): readonly string[];
  /** Host name, and the name with its domain where there is one. */
  hostnames(): readonly string[];
  /** Request lines. */
  readonly access: LineSink;
  /** Who changed something, or tried to. */
  readonly audit: Pick<AuditLog, 'served'>;
  readonly log: Logger;
  readonly clock: Clock;
}

const CA_HOURS = 24;
const GRACE_MILLISECONDS = 5000;
/** Anybody may connect here. */
const MAX_STREAMS = 64;

const METHODS = [MachineServiceService, NetworkServiceService, StorageServiceService, NodeServiceService].flatMap(
  service => Object.values(service).map(methodOf),
);
const SERVICES = new Set(METHODS.map(method => method.service));

/**
 * Port 50000 while nobody can prove who they are, because the machine has no config (spec/api.md §5): TLS without client
 * certificates under an authority of its own, the methods it is given, no routing.
 */
export class StrangerServer {
  readonly #options: StrangerServerOptions;
  readonly #methods: ReadonlyMap<string, LocalMethod>;
  #close: () => Promise<void> = async () => {};

  constructor(options: StrangerServerOptions, methods: readonly LocalMethod[]) {
    this.#options = options;
    this.#methods = new Map(methods.map(method => [method.path, method]));
  }

  /** Opens the port; rejects where that is not possible. `fingerprint` is that of the certificate which it shows first. */
  async start(): Promise<{ readonly address: AddressInfo; readonly fingerprint: string }> {
    const { listen, log, clock } = this.#options;
    const certificates = await this.#certificates();
    const grpc = new GrpcServer({
      methods: METHODS,
      clock,
      maxStreams: MAX_STREAMS,
      service: this.#service(),
      onError: error => log.error(`an action after a reply failed: ${errorMessage(error)}`),
    });
    const listener = new TlsListener({
      ...listen,
      secureContext: () => ({ cert: certificates.current.crt, key: certificates.current.key, requestCert: false }),
      onConnection: socket => grpc.inject(socket, peerOf(socket)),
      onRefused: () => {}, // without client certificates nobody is refused but strangers to TLS
    });
    const stopRotation = certificates.onChange(() => listener.rotate());
    this.#close = async () => {
      stopRotation();
      await listener.stop();
      await grpc.close(GRACE_MILLISECONDS);
      await listener.close();
      await certificates.close();
    };
    try {
      return { address: await listener.listen(), fingerprint: certificates.current.fingerprint };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Closes the port once running calls have ended. */
  async close(): Promise<void> {
    const close = this.#close;
    this.#close = async () => {};
    await close();
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

  #service(): CallService {
    const { access, audit, clock } = this.#options;
    const find = (call: ServerCall): LocalMethod => {
      const method = this.#methods.get(call.head.path);
      if (!method) throw statusError('unimplemented', `method ${call.head.method?.name} not implemented`);
      return method;
    };
    return {
      refuse: call => refusal(call.head.path),
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
}

function refusal(path: string): StatusError {
  const parts = splitPath(path);
  if (!parts) return statusError('unimplemented', `malformed method name: ${JSON.stringify(path)}`);
  const { service, name } = parts;
  const text = SERVICES.has(service) ? `unknown method ${name} for service ${service}` : `unknown service ${service}`;
  return statusError('unimplemented', text);
}
