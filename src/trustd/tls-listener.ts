import { constants } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { errorMessage, osError, TalosdError } from '../lib/errors.ts';

/** What the listener presents and whom it believes. PEM text or DER; private keys under a label that OpenSSL knows. */
export interface ListenerCredentials {
  /** The leaf alone (spec/api.md §1.2, "Chain presented"). */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Trust roots for client certificates; needed when `requestCert`. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Whether a client certificate is required and verified. Fixed at construction: `rotate` does not change it. */
  readonly requestCert: boolean;
}

/** A connection that did not come through: who it was and why it was turned away. */
export interface RefusedConnection {
  /** Remote IP without port; IPv4 in its own form even on a dual-stack socket. */
  readonly address: string;
  readonly reason: string;
}

export interface TlsListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Asked once at the start and again at every `rotate`. */
  secureContext(): ListenerCredentials;
  /** Gets every connection whose handshake, client certificate included, is complete. */
  onConnection(socket: TLSSocket): void;
  /** Called for each refused connection; the owner decides how many of them become log lines. */
  onRefused(refused: RefusedConnection): void;
  /** Default 10 000. */
  readonly handshakeTimeoutMilliseconds?: number;
  /** Connections open at once from one address, unfinished handshakes included. Default 512. */
  readonly maxConnectionsPerPeer?: number;
  /** Connections open at once in total. Default 4096. */
  readonly maxConnections?: number;
}

const HANDSHAKE_TIMEOUT_MILLISECONDS = 10_000;
const TCP_KEEPALIVE_MILLISECONDS = 15_000;

/** The TLS parameters of both public ports (spec/api.md §1.2): 1.2 or 1.3, X25519 only, one TLS 1.2 suite, no tickets. */
export const NODE_TLS_PARAMETERS = {
  minVersion: 'TLSv1.2',
  ecdhCurve: 'X25519',
  ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** The IP of a peer without the `::ffff:` that an IPv4 peer has on a dual-stack listener; empty once it is gone. */
export function peerAddress(peer: { readonly remoteAddress?: string }): string {
  const address = peer.remoteAddress ?? '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * A TLS port of the node. It owns accepting, limits, handshake, client-certificate check and certificate rotation, and
 * hands finished connections to a gRPC server (`server.createConnectionInjector(…).injectConnection(socket)`).
 *
 * One connection's life: accepted → (too many: refused) → handshake → (time-out, bad or missing client certificate,
 * no common parameters: refused) → `onConnection` → closed by its user, or by `close`.
 */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  readonly #tcp: Server;
  readonly #tls: TlsServer;
  readonly #sockets = new Set<Socket>();
  readonly #perPeer = new Map<string, number>();
  readonly #addresses = new WeakMap<Socket, string>();

  constructor(options: TlsListenerOptions) {
    this.#options = options;
    const credentials = options.secureContext();
    this.#tls = createTlsServer({
      ...tlsOptions(credentials),
      requestCert: credentials.requestCert,
      rejectUnauthorized: credentials.requestCert,
      ALPNProtocols: ['h2'],
      handshakeTimeout: options.handshakeTimeoutMilliseconds ?? HANDSHAKE_TIMEOUT_MILLISECONDS,
    });
    this.#tls.on('secureConnection', socket => this.#connected(socket));
    this.#tls.on('tlsClientError', (error, socket) => this.#failed(error, socket));
    this.#tcp = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MILLISECONDS },
      socket => this.#accepted(socket),
    );
  }

  /** Starts to accept; resolves with the address that was bound. */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(osError('listen', `tcp ${host}:${port}`, error));
      this.#tcp.once('error', onError);
      this.#tcp.listen({ host, port }, () => {
        this.#tcp.off('error', onError);
        this.#tcp.on('error', error => this.#options.onRefused({ address: '', reason: errorMessage(error) }));
        resolve(this.#tcp.address() as AddressInfo);
      });
    });
  }

  /** Connections open now, unfinished handshakes included. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** New handshakes use what `secureContext` gives now; open connections go on with what they have. */
  rotate(): void {
    this.#tls.setSecureContext(tlsOptions(this.#options.secureContext()));
  }

  /** Stops to accept; open connections stay. Resolves once the port is free. */
  stop(): Promise<void> {
    if (!this.#tcp.listening) return Promise.resolve();
    // The callback of `close` waits for open connections; the port itself is free at once.
    this.#tcp.close();
    return Promise.resolve();
  }

  /** Stops to accept and ends every connection. */
  async close(): Promise<void> {
    await this.stop();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accepted(socket: Socket): void {
    const { maxConnections = 4096, maxConnectionsPerPeer = 512 } = this.#options;
    const address = peerAddress(socket);
    const count = this.#perPeer.get(address) ?? 0;
    socket.on('error', () => socket.destroy()); // a reset is reported through `close` and `tlsClientError`
    if (this.#sockets.size >= maxConnections || count >= maxConnectionsPerPeer) {
      socket.destroy();
      const reason = count >= maxConnectionsPerPeer ? 'too many connections from this address' : 'too many connections';
      this.#options.onRefused({ address, reason });
      return;
    }
    this.#sockets.add(socket);
    this.#perPeer.set(address, count + 1);
    this.#addresses.set(socket, address);
    socket.once('close', () => this.#closed(socket, address));
    this.#tls.emit('connection', socket);
  }

  #closed(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    const left = (this.#perPeer.get(address) ?? 1) - 1;
    if (left > 0) this.#perPeer.set(address, left);
    else this.#perPeer.delete(address);
  }

  #connected(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy()); // whoever takes the connection sees it close
    this.#options.onConnection(socket);
  }

  #failed(error: Error, socket: WrappingSocket): void {
    // Somebody looked whether the port is open, as the node's own health checks do.
    if (isReset(error) && socket._parent?.bytesRead === 0) return;
    const address = this.#addressOf(socket);
    const reason = socket.authorizationError ? `client certificate: ${socket.authorizationError}` : refusal(error);
    this.#options.onRefused({ address, reason });
    setImmediate(() => socket.destroy()); // after the alert has left
  }

  #addressOf(socket: WrappingSocket): string {
    return peerAddress(socket) || ((socket._parent && this.#addresses.get(socket._parent)) ?? '');
  }
}

/** Node keeps the accepted socket here; a destroyed TLS socket has forgotten its peer otherwise. */
interface WrappingSocket extends TLSSocket {
  readonly _parent?: Socket;
}

function tlsOptions(credentials: ListenerCredentials): TlsOptions {
  const { cert, key, ca, requestCert } = credentials;
  const roots = ca === undefined || typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca];
  // Without roots of our own Node would believe the public authorities of the web.
  if (requestCert && (roots === undefined || roots.length === 0)) {
    throw new TalosdError('internal', 'a listener that asks for client certificates needs a certificate authority');
  }
  return { ...NODE_TLS_PARAMETERS, cert, key, ca: roots };
}

function isReset(error: Error & { code?: string }): boolean {
  return error.code === 'ECONNRESET';
}

function refusal(error: Error): string {
  const { code, reason } = error as Error & { code?: string; reason?: string };
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'handshake timed out';
  if (isReset(error)) return 'connection closed during the handshake';
  return reason ?? error.message;
}
