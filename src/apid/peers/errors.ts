import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { osErrorText } from '../../lib/errors.ts';
import { parseIp } from '../../lib/ip.ts';
import { type StatusError, statusError } from '../status.ts';

/** Port of every node's apid. */
export const APID_PORT = 50_000;

/** `host:port` with the brackets that an IPv6 address needs. */
export function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A target of `nodes` without the brackets that an IPv6 address may come in. */
export function bareHost(target: string): string {
  return target.replace(/^\[(.*)\]$/, '$1');
}

/** A connection that did not come about, in the words that clients of this API look for (spec/api.md §1.6). */
export function connectionError(reason: string): StatusError {
  return statusError('unavailable', `connection error: desc = "transport: ${reason}"`);
}

/** A handshake that failed after TCP had connected. */
export function handshakeError(reason: string): StatusError {
  return connectionError(`authentication handshake failed: ${reason}`);
}

/** A failed `net.connect`: name not found, refused, no route, … */
export function dialError(host: string, port: number, thrown: Error): StatusError {
  const error = firstOf(thrown);
  const dialing = (rest: string) => connectionError(`Error while dialing dial tcp${rest}`);
  if (error.syscall === 'getaddrinfo') {
    const reason = error.code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving';
    return dialing(`: lookup ${host}${nameServer()}: ${reason}`);
  }
  const reason = error.code ? `connect: ${osErrorText(error.code)}` : error.message;
  return dialing(` ${hostPort(error.address ?? host, port)}: ${reason}`);
}

/** Nothing answered the connection attempt in time. */
export function dialTimeout(host: string, port: number): StatusError {
  return connectionError(`Error while dialing dial tcp ${hostPort(host, port)}: i/o timeout`);
}

type SystemError = Error & { code?: string; syscall?: string; address?: string };

/** A name with several addresses fails once for each. */
function firstOf(error: Error): SystemError {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error;
}

function nameServer(): string {
  const server = getServers()[0];
  if (server === undefined) return '';
  return ` on ${/^\[.*\]:\d+$|^[^:]+:\d+$/.test(server) ? server : hostPort(server, 53)}`;
}

const UNTRUSTED = new Set([
  'CERT_SIGNATURE_FAILURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why the other side's certificate is not believed, in Go's words. */
export function verificationText(code: string, certificate: PeerCertificate, now: number): string {
  const failed = (reason: string) => `tls: failed to verify certificate: x509: ${reason}`;
  if (UNTRUSTED.has(code)) return failed('certificate signed by unknown authority');
  const expired = 'certificate has expired or is not yet valid: current time';
  if (code === 'CERT_HAS_EXPIRED')
    return failed(`${expired} ${rfc3339(now)} is after ${rfc3339(certificate.valid_to)}`);
  if (code === 'CERT_NOT_YET_VALID') {
    return failed(`${expired} ${rfc3339(now)} is before ${rfc3339(certificate.valid_from)}`);
  }
  return failed(code);
}

function rfc3339(time: string | number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Whether a verified certificate is that of `host`; the reason in Go's words where it is not (spec/api.md §7 item 28). */
export function nameMismatch(host: string, socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return 'tls: server sent no certificate';
  const isAddress = isIP(host) !== 0;
  const matches = isAddress ? certificate.checkIP(host) : certificate.checkHost(host, { subject: 'never' });
  if (matches !== undefined) return undefined;
  const kind = isAddress ? 'IP Address:' : 'DNS:';
  const names = (certificate.subjectAltName ?? '').split(', ').filter(name => name.startsWith(kind));
  const list = names.map(name => plainName(name.slice(kind.length))).join(', ');
  const failed = (reason: string) => `tls: failed to verify certificate: x509: ${reason}`;
  if (list !== '') return failed(`certificate is valid for ${list}, not ${host}`);
  if (isAddress) return failed(`cannot validate certificate for ${host} because it doesn't contain any IP SANs`);
  return failed(`certificate is not valid for any names, but wanted to match ${host}`);
}

/** OpenSSL writes IPv6 addresses out in full and in capitals. */
function plainName(name: string): string {
  return parseIp(name)?.text ?? name;
}
