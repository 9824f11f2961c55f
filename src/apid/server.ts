import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { listenUnix } from '../system/unix-socket.ts';
import type { NodeCertificate } from '../trustd/node-certificates.ts';
import { peerAddress, type RefusedConnection, TlsListener } from '../trustd/tls-listener.ts';
import { AccessLog, type AccessSinks } from './access-log.ts';
import type { AuditLog } from './audit-log.ts';
import type { ServerCall } from './call.ts';
import type { Callers } from './callers.ts';
import { GrpcServer } from './grpc-server.ts';
import type { Peer } from './handler.ts';
import { buildLocal, type Handlers } from './local.ts';
import { METHODS } from './methods.ts';
import { PeerPool } from './peers/pool.ts';
import { type CallObserver, isOneToMany, Router } from './router.ts';
import type { StatusError } from './status.ts';

/** Where the node's current leaf comes from: `NodeCertificates`. */
export interface CertificateSource {
  readonly current: NodeCertificate;
  onChange(listener: () => void): () => void;
}

export interface ApiServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Unix socket for callers on the node; none without it. */
  readonly socketPath?: string;
  readonly certificates: CertificateSource;
  readonly handlers: Handlers;
  /** Whether a target of `nodes` is this node (`selfMatcher`). */
  isSelf(target: string): boolean;
  readonly access: AccessSinks;
  readonly audit: AuditLog;
  readonly log: Logger;
  readonly callers?: Callers;
  readonly clock: Clock;
  /** Port of apid on other nodes; 50000 everywhere but in tests. */
  readonly peerPort?: number;
  /** Bound of connect and handshake with another node. Default 5 s. */
  readonly dialTimeoutMilliseconds?: number;
}

const GRACE_MILLISECONDS = 1000;

/**
 * apid: port 50000 with mutual TLS and the unix socket, one router behind both (spec/api.md §1.1–1.5).
 *
 * One call's way: `TlsListener` (who is it) → `GrpcServer` (frames, limits, deadline) → `Router` (here, or the nodes it
 * names) → handler or `PeerPool` → reply → request lines and audit lines.
 */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #grpc: GrpcServer;
  readonly #peers: PeerPool;
  #listener: TlsListener | undefined;
  #unix: Server | undefined;
  #stopRotation: () => void = () => {};

  constructor(options: ApiServerOptions) {
    const { certificates, clock, handlers, log, peerPort: port, dialTimeoutMilliseconds } = options;
    this.#options = options;
    this.#peers = new PeerPool({
      clock,
      port,
      dialTimeoutMilliseconds,
      credentials: () => {
        const { crt, key, ca } = certificates.current;
        return { cert: crt, key, ca };
      },
    });
    const router = new Router({
      local: buildLocal(handlers),
      peers: this.#peers,
      isSelf: options.isSelf,
      observer: this.#observer(),
    });
    this.#grpc = new GrpcServer({
      methods: METHODS.values(),
      service: router,
      clock,
      isTrusted: true,
      onError: error => log.error(`an action after a reply failed: ${errorMessage(error)}`),
    });
  }

  /** Opens port and socket. Certificates must be there. A socket that cannot be opened is reported, not fatal. */
  async start(): Promise<AddressInfo> {
    const { listen, certificates, socketPath, log } = this.#options;
    const listener = new TlsListener({
      ...listen,
      secureContext: () => {
        const { crt, key, ca } = certificates.current;
        return { cert: crt, key, ca, requestCert: true };
      },
      onConnection: socket => this.#connected(socket),
      onRefused: refused => this.#refused(refused),
    });
    const address = await listener.listen();
    this.#listener = listener;
    this.#stopRotation = certificates.onChange(() => listener.rotate());
    if (socketPath !== undefined) {
      try {
        this.#unix = await listenUnix(socketPath, socket => {
          socket.on('error', () => socket.destroy()); // the call on it sees it close
          this.#grpc.inject(socket);
        });
      } catch (error) {
        log.warn(`no socket for callers on this node: ${errorMessage(error)}`);
      }
    }
    return address;
  }

  /** Takes no new connection, lets running calls end for `graceMilliseconds`, then ends everything. */
  async close(graceMilliseconds = GRACE_MILLISECONDS): Promise<void> {
    this.#stopRotation();
    await this.#listener?.stop();
    this.#unix?.close();
    await this.#grpc.close(graceMilliseconds);
    this.#peers.close();
    await this.#listener?.close();
  }

  #connected(socket: TLSSocket): void {
    const peer = peerOf(socket);
    const local = peerAddress({ remoteAddress: socket.localAddress ?? '' });
    const ended = this.#options.callers?.connected({ peer: peer.address, local });
    if (ended) socket.once('close', ended);
    this.#grpc.inject(socket, peer);
  }

  #refused({ address, reason }: RefusedConnection): void {
    this.#options.audit.refusedHandshake(address, reason);
  }

  #observer(): CallObserver {
    const { audit, access: sinks, callers, clock } = this.#options;
    const access = new AccessLog(sinks, clock);
    return {
      received(call: ServerCall, status: StatusError | undefined) {
        access.received(call, status);
        callers?.called(call.peer.address);
        if (call.head.method?.isChange && isOneToMany(call)) audit.entered(call, status);
      },
      served(call: ServerCall, request: Buffer, status: StatusError | undefined) {
        const isFannedOut = isOneToMany(call);
        access.served(call, status, isFannedOut);
        if (call.head.method?.isChange !== false) audit.served(call, request, status, isFannedOut);
      },
    };
  }
}

/** Who is at the other end of a connection whose certificate was verified; all empty but the address without one. */
export function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerX509Certificate();
  return {
    address: peerAddress(socket),
    subject: certificate?.subject.replaceAll('\n', ',') ?? '',
    serial: certificate?.serialNumber.toLowerCase() ?? '',
  };
}
