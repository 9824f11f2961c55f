import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import {
  type CertificateRequest,
  type CertificateResponse,
  type SecurityServiceServer,
  SecurityServiceService,
} from '../gen/securityapi/securityapi.ts';
import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import { errorMessage, hasCode, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { requestLogLine } from '../lib/request-log.ts';
import type { CertificateAuthority } from '../pki/ca.ts';
import type { NodeCertificates } from './node-certificates.ts';
import { PeerRateLimiter, type RateLimit } from './rate-limit.ts';
import { RefusalLog } from './refusal-log.ts';
import { signNodeCertificate } from './sign.ts';
import { peerAddress, TlsListener } from './tls-listener.ts';

/** The port of trustd (spec/api.md §1.1). */
export const TRUSTD_PORT = 50001;

export interface TrustdServerOptions {
  readonly host: string;
  /** Default 50001; 0 takes a free port. */
  readonly port?: number;
  /** `machine.ca`. */
  readonly ca: CertificateAuthority;
  /** `machine.token`; must not be empty. */
  readonly token: string;
  /** The leaf to show: started, and issued by `ca`. New handshakes follow its renewals. */
  readonly certificates: NodeCertificates;
  readonly log: Logger;
  readonly clock: Clock;
  /** Calls of one peer. Default 30 at once, then two a second. */
  readonly rateLimit?: RateLimit;
}

const DEFAULT_RATE: RateLimit = { burst: 30, perSecond: 2 };
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const DRAIN_MILLISECONDS = 1_000;

/**
 * trustd (spec/api.md §4): signs the certificates of nodes that know the token.
 *
 * One call's life: rate limit (`ResourceExhausted`) → token (`Unknown: Unauthenticated`) → request read, its signature
 * verified → signed. Each call ends in one access-log line; calls above the rate in a rate-limited one.
 */
export class TrustdServer {
  readonly #options: TrustdServerOptions;
  readonly #listener: TlsListener;
  readonly #server: Server;
  readonly #limiter: PeerRateLimiter;
  readonly #refusals: RefusalLog;
  readonly #token: Buffer;
  readonly #unsubscribe: () => void;

  constructor(options: TrustdServerOptions) {
    const { host, port = TRUSTD_PORT, token, certificates, clock, log, rateLimit = DEFAULT_RATE } = options;
    if (token === '') throw new TalosdError('invalid_argument', 'trustd needs a token: machine.token is empty');
    this.#options = options;
    this.#token = digest(token);
    this.#limiter = new PeerRateLimiter(rateLimit, clock);
    this.#refusals = new RefusalLog(log, clock);
    this.#server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_concurrent_streams': 4,
      'grpc.max_connection_idle_ms': 60_000,
    });
    this.#server.addService(SecurityServiceService, this.#service());
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    this.#listener = new TlsListener({
      host,
      port,
      secureContext: () => ({ cert: certificates.current.crt, key: certificates.current.key, requestCert: false }),
      onConnection: socket => injector.injectConnection(socket),
      onRefused: this.#refusals.report,
      maxConnectionsPerPeer: 16,
      maxConnections: 256,
    });
    this.#unsubscribe = certificates.onChange(() => this.#listener.rotate());
  }

  /** Starts to serve; resolves with the address that was bound. */
  listen(): Promise<AddressInfo> {
    return this.#listener.listen();
  }

  /** Lets running calls finish for a second, then ends everything. */
  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#listener.stop();
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(DRAIN_MILLISECONDS, resolve);
      this.#server.tryShutdown(() => {
        cancel();
        resolve();
      });
    });
    this.#server.forceShutdown();
    await this.#listener.close();
  }

  #service(): SecurityServiceServer {
    const refuse = () => {
      throw new TalosdError('unimplemented', 'trustd neither reads nor writes files');
    };
    return {
      certificate: (call, callback) => this.#answer(call, callback, request => this.#sign(request)),
      readFile: (call, callback) => this.#answer(call, callback, refuse),
      writeFile: (call, callback) => this.#answer(call, callback, refuse),
    };
  }

  #sign({ csr }: CertificateRequest): CertificateResponse {
    return signNodeCertificate(this.#options.ca, csr, this.#options.clock.now());
  }

  #answer<Request, Response>(
    call: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
    handle: (request: Request) => Response,
  ): void {
    const { clock, log } = this.#options;
    const started = clock.monotonic();
    const address = peerAddress({ remoteAddress: call.getPeer().replace(/:\d+$/, '') });
    if (!this.#limiter.take(address)) {
      this.#refusals.report({ address, reason: 'too many calls from this address' });
      callback({ code: status.RESOURCE_EXHAUSTED, details: 'too many certificate requests from this address' });
      return;
    }
    const isKnown = this.#isTokenOf(call.metadata);
    let response: Response | null = null;
    let error: unknown;
    try {
      if (!isKnown) throw new TalosdError('unknown', 'Unauthenticated');
      response = handle(call.request);
    } catch (thrown) {
      error = thrown;
    }
    const nanoseconds = clock.monotonic() - started;
    const text = error === undefined ? undefined : errorMessage(error);
    const code =
      error === undefined ? status.OK : hasCode(error, 'unimplemented') ? status.UNIMPLEMENTED : status.UNKNOWN;
    const method = call.getPath();
    if (isKnown) {
      log.info(`request - Method:${method}\tDuration:${formatDuration(nanoseconds)}\tError:${text ?? '<nil>'}`);
    }
    const metadata = {
      ...headers(call.metadata),
      ':authority': [call.getHost()],
      'content-type': ['application/grpc'],
    };
    log.info(requestLogLine({ code: CODE_NAMES[code], method, nanoseconds, kind: 'unary', error: text, metadata }));
    if (text === undefined) callback(null, response);
    else callback({ code, details: text });
  }

  /** Both sides are hashed first, so neither content nor length shows in the time that this takes. */
  #isTokenOf(metadata: Metadata): boolean {
    const [given] = metadata.get('token');
    return timingSafeEqual(digest(typeof given === 'string' ? given : ''), this.#token);
  }
}

const CODE_NAMES = {
  [status.OK]: 'OK',
  [status.UNKNOWN]: 'Unknown',
  [status.UNIMPLEMENTED]: 'Unimplemented',
} as const;

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

function headers(metadata: Metadata): Record<string, (string | Buffer)[]> {
  return Object.fromEntries(Object.keys(metadata.getMap()).map(key => [key, metadata.get(key)]));
}
