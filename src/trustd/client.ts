import { isIPv6 } from 'node:net';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { type CertificateResponse, SecurityServiceClient } from '../gen/securityapi/securityapi.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { fingerprint, parseCertificate } from '../pki/certificate.ts';
import { parseCsr } from '../pki/csr.ts';
import { TRUSTD_PORT } from './server.ts';
import { checkSigned, type SignedCertificate } from './sign.ts';

export interface RequestCertificateOptions {
  /** Addresses of control-plane nodes, without port. */
  readonly endpoints: readonly string[];
  /** Default 50001. */
  readonly port?: number;
  /** `machine.token`. */
  readonly token: string;
  /** PEM request, signed by its own key. */
  readonly csr: string;
  /** PEM: the only authority that is believed, of the server and in its answer. Without one any is. */
  readonly pinnedCa?: Buffer;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Brings the endpoints in random order; default `Math.random`. */
  readonly random?: () => number;
}

const CALL_MILLISECONDS = 30_000;
const GIVE_UP_MILLISECONDS = 300_000;
const LONGEST_PAUSE_MILLISECONDS = 5_000;

/**
 * Asks the endpoints in turn, in an order shuffled once, until one signs (spec/api.md §1.2): 30 s for each call, a
 * pause of 1, 2, 4, 5, 5 … s after each round, five minutes in all. Failed tries are logged. Rejects with
 * `timeout waiting for certificate` in the end, or with the signal's reason.
 */
export async function requestCertificate(options: RequestCertificateOptions): Promise<SignedCertificate> {
  const { endpoints, log, signal, clock, random = Math.random } = options;
  if (endpoints.length === 0) throw new TalosdError('unavailable', 'no trustd endpoint is known');
  const order = shuffled(endpoints, random);
  const end = clock.monotonic() + BigInt(GIVE_UP_MILLISECONDS) * 1_000_000n;
  for (let round = 0; ; round++) {
    let last: unknown;
    for (const endpoint of order) {
      signal.throwIfAborted();
      try {
        return await askOne(endpoint, options);
      } catch (error) {
        signal.throwIfAborted();
        log.warn(`failed to get a certificate from trustd at ${endpoint}: ${errorMessage(error)}`);
        last = error;
      }
      if (clock.monotonic() >= end) {
        throw new TalosdError('deadline_exceeded', 'timeout waiting for certificate', { cause: last });
      }
    }
    await clock.sleep(Math.min(1000 * 2 ** round, LONGEST_PAUSE_MILLISECONDS), signal);
  }
}

async function askOne(endpoint: string, options: RequestCertificateOptions): Promise<SignedCertificate> {
  const { port = TRUSTD_PORT, pinnedCa } = options;
  // Names are not checked: nodes are reached by shared and translated addresses too, and what counts is who signs.
  const channel = credentials.createSsl(pinnedCa ?? null, null, null, {
    rejectUnauthorized: pinnedCa !== undefined,
    checkServerIdentity: () => undefined,
  });
  const client = new SecurityServiceClient(`${isIPv6(endpoint) ? `[${endpoint}]` : endpoint}:${port}`, channel, {
    'grpc.ssl_target_name_override': 'trustd',
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    const { ca, crt } = await call(client, options);
    checkSigned({ ca, crt }, parseCsr(options.csr).publicKey);
    checkAuthority(ca, pinnedCa);
    return { ca, crt };
  } finally {
    client.close();
  }
}

function call(client: SecurityServiceClient, options: RequestCertificateOptions): Promise<CertificateResponse> {
  const { csr, token, signal, clock } = options;
  const metadata = new Metadata();
  metadata.set('token', token);
  return new Promise((resolve, reject) => {
    let isLate = false;
    const running = client.certificate({ csr: Buffer.from(csr) }, metadata, (error, response) => {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
      if (!error) resolve(response);
      else if (isLate) reject(new TalosdError('deadline_exceeded', 'no answer within 30s', { cause: error }));
      else reject(new TalosdError('unavailable', callErrorText(error), { cause: error }));
    });
    const onAbort = () => running.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    const cancelTimer = clock.after(CALL_MILLISECONDS, () => {
      isLate = true;
      running.cancel();
    });
  });
}

/** What a call failed by; of a connection that did not come about, the reason without what grpc-js says around it. */
function callErrorText(error: ServiceError): string {
  const text = error.details || error.message;
  return /^No connection established\. Last error: (?:Error: )?(.*)\. Resolution note: .*$/s.exec(text)?.[1] ?? text;
}

function checkAuthority(answered: Buffer, pinned: Buffer | undefined): void {
  const found = parseCertificate(answered);
  if (!pinned || found.der.equals(parseCertificate(pinned).der)) return;
  const [wanted, given] = [fingerprint(pinned), fingerprint(answered)];
  throw new TalosdError('unauthenticated', `another certificate authority: expected ${wanted}, found ${given}`);
}

function shuffled(endpoints: readonly string[], random: () => number): string[] {
  const result = [...endpoints];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
