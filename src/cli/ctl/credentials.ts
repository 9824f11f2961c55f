import { checkServerIdentity, connect, createSecureContext, type PeerCertificate } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import { fingerprint } from '../../pki/certificate.ts';
import { tlsPrivateKey } from '../../pki/keys.ts';
import { encodePem } from '../../pki/pem.ts';
import { dialErrorText, dialTimeoutText, RpcError } from './rpc-error.ts';
import type { Target } from './target.ts';

/** Rules of every connection to a node (spec/api.md §1.2). */
const TLS_RULES = {
  minVersion: 'TLSv1.2',
  ecdhCurve: 'X25519',
  ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
} as const;

const UNAVAILABLE = 14;
const HANDSHAKE_MILLISECONDS = 10_000;

/**
 * Mutual TLS with the credentials of a context: only its CA is trusted, and the server's certificate must name `host`.
 * The name is checked here, because the name given to TLS itself must not be an IP address (design: Node 26).
 */
export function contextCredentials(target: Target, host: string): ChannelCredentials {
  const context = secureContext(() => ({
    ...TLS_RULES,
    ca: Buffer.from(target.ca),
    cert: Buffer.from(target.crt),
    key: tlsPrivateKey(Buffer.from(target.key)),
  }));
  return ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}

/**
 * Credentials for a node in maintenance mode, whose CA nobody knows (spec/api.md §5). Without fingerprints nothing is
 * verified. With them the certificate that the node shows is looked at first, on a connection that carries no data;
 * the connection of the call then trusts that one certificate alone.
 */
export async function maintenanceCredentials(host: string, port: number, accepted: readonly string[]) {
  if (accepted.length === 0) {
    return ChannelCredentials.createFromSecureContext(createSecureContext(TLS_RULES), { rejectUnauthorized: false });
  }
  for (const text of accepted) checkFingerprint(text);
  const pem = encodePem('CERTIFICATE', await peekCertificate(host, port));
  if (!accepted.includes(fingerprint(pem))) throw mismatch(accepted);
  const context = createSecureContext({ ...TLS_RULES, ca: pem, allowPartialTrustChain: true });
  return ChannelCredentials.createFromSecureContext(context, {
    checkServerIdentity: (_name, certificate: PeerCertificate) =>
      accepted.includes(fingerprint(encodePem('CERTIFICATE', certificate.raw))) ? undefined : mismatch(accepted),
  });
}

/** DER of the leaf that a server shows. */
function peekCertificate(host: string, port: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const socket = connect({
    host,
    port,
    ...TLS_RULES,
    ALPNProtocols: ['h2'],
    servername: '',
    rejectUnauthorized: false,
  });
  socket.setTimeout(HANDSHAKE_MILLISECONDS, () => reject(new RpcError(UNAVAILABLE, dialTimeoutText(address))));
  socket.once('secureConnect', () => resolve(socket.getPeerCertificate().raw));
  socket.once('error', error => reject(new RpcError(UNAVAILABLE, dialErrorText(errorMessage(error), host, address))));
  return promise.finally(() => socket.destroy());
}

function checkFingerprint(text: string): void {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 32 && bytes.toString('base64') === text) return;
  const expected = 'expected base64 of a SHA-256 hash';
  throw new TalosdError(
    'invalid_argument',
    `error parsing certificate fingerprint ${JSON.stringify(text)}: ${expected}`,
  );
}

function mismatch(accepted: readonly string[]): RpcError {
  const reason = `leaf peer certificate doesn't match the provided fingerprints: [${accepted.join(' ')}]`;
  return new RpcError(UNAVAILABLE, dialErrorText(reason, '', ''));
}

function secureContext(options: () => Parameters<typeof createSecureContext>[0]) {
  try {
    return createSecureContext(options());
  } catch (error) {
    throw new TalosdError('invalid_argument', `error in the credentials of the talosconfig: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
