import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../../lib/clock.ts';
import { NODE_TLS_PARAMETERS } from '../../trustd/tls-listener.ts';
import type { StatusError } from '../status.ts';
import { dialError, dialTimeout, handshakeError, hostPort, nameMismatch, verificationText } from './errors.ts';

/** What this node shows to other nodes, and whom it believes: asked for at each new connection, so it may rotate. */
export interface PeerCredentials {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly ca: string | Buffer | readonly (string | Buffer)[];
}

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: PeerCredentials;
  readonly clock: Clock;
  /** Bound of name lookup, connect, handshake and the first HTTP/2 frame together. */
  readonly timeoutMilliseconds: number;
}

const WINDOW_BYTES = 1024 * 1024;

/**
 * Opens an HTTP/2 session to another apid: TCP, mutual TLS with the name checked against the dialled text, and the other
 * side's settings, all within one bound. Rejects with a `StatusError` in the words of spec/api.md §1.6.
 */
export async function dial(options: DialOptions): Promise<ClientHttp2Session> {
  const attempt = new Attempt(options);
  try {
    const tcp = await attempt.connect();
    const tls = await attempt.handshake(tcp);
    return await attempt.settings(tls);
  } catch (error) {
    attempt.abandon();
    throw error;
  } finally {
    attempt.end();
  }
}

/** One attempt; each stage ends by its event, an error, or the common bound. */
class Attempt {
  readonly #options: DialOptions;
  readonly #stopTimer: () => void;
  #onTimeout: () => void = () => {};
  #isLate = false;
  #socket: Socket | undefined;

  constructor(options: DialOptions) {
    this.#options = options;
    this.#stopTimer = options.clock.after(options.timeoutMilliseconds, () => {
      this.#isLate = true;
      this.#onTimeout();
    });
  }

  end(): void {
    this.#stopTimer();
  }

  abandon(): void {
    this.#socket?.destroy();
  }

  connect(): Promise<Socket> {
    const { host, port } = this.#options;
    return this.#stage(dialTimeout(host, port), (resolve, reject) => {
      const socket = connectTcp({ host, port, noDelay: true, keepAlive: true });
      this.#socket = socket;
      socket.on('error', error => reject(dialError(host, port, error)));
      socket.once('connect', () => resolve(socket));
    });
  }

  handshake(tcp: Socket): Promise<TLSSocket> {
    const { host, credentials, clock } = this.#options;
    return this.#stage(handshakeError('context deadline exceeded'), (resolve, reject) => {
      const { cert, key, ca } = credentials;
      const tls = connectTls({
        ...NODE_TLS_PARAMETERS,
        socket: tcp,
        cert,
        key,
        ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca],
        ALPNProtocols: ['h2'],
        // Go names no server when it dials an address, and Node refuses one; the check is ours in both cases.
        servername: isIP(host) ? '' : host,
        checkServerIdentity: () => undefined,
        rejectUnauthorized: false,
      });
      this.#socket = tls;
      tls.on('error', error => reject(handshakeError(alertText(error))));
      tls.once('close', () => reject(handshakeError('connection closed')));
      tls.once('secureConnect', () => {
        const reason = tls.authorized
          ? nameMismatch(host, tls)
          : verificationText(String(tls.authorizationError), tls.getPeerCertificate(), clock.now());
        if (reason) reject(handshakeError(reason));
        else resolve(tls);
      });
    });
  }

  /** A refused client certificate shows only here: with TLS 1.3 the server's alert comes after the handshake. */
  settings(tls: TLSSocket): Promise<ClientHttp2Session> {
    const { host, port } = this.#options;
    return this.#stage(handshakeError('context deadline exceeded'), (resolve, reject) => {
      const session = connectHttp2(`https://${hostPort(host, port)}`, {
        createConnection: () => tls,
        settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
      });
      const failed = (error: Error) => reject(handshakeError(alertText(error)));
      session.on('error', failed);
      session.once('close', () => reject(handshakeError('connection closed')));
      session.once('remoteSettings', () => resolve(session));
    });
  }

  /** The rejection of the first failure counts; what comes later finds the promise settled. */
  #stage<T>(late: StatusError, run: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#onTimeout = () => reject(late);
      if (this.#isLate) reject(late);
      else run(resolve, reject);
    });
  }
}

/** The reason of a TLS or socket error: OpenSSL's word for the alert, or the system's. */
function alertText(error: Error & { reason?: string; code?: string }): string {
  if (error.code === 'ECONNRESET') return 'connection reset by peer';
  return error.reason ?? error.message;
}
