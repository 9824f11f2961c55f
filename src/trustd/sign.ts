import type { KeyObject } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import { type CertificateAuthority, validFor } from '../pki/ca.ts';
import { isIssuedBy, parseCertificate } from '../pki/certificate.ts';
import { parseCsr } from '../pki/csr.ts';
import { publicKeyDer } from '../pki/keys.ts';

/** Both halves of an answer of trustd, PEM. */
export interface SignedCertificate {
  readonly ca: Buffer;
  readonly crt: Buffer;
}

/** Asks for a certificate: in this process (`localIssuer`) or over the network (`requestCertificate`). */
export type Issuer = (csr: string, signal: AbortSignal) => Promise<SignedCertificate>;

const LIFETIME_HOURS = 24;
const BACKDATED_HOURS = 1;

/**
 * Signs a node's request (spec/api.md §1.2 and §4): the request must be signed by its own key; of it come subject,
 * public key and names, everything else is fixed: a leaf for server and client, 24 h, begun one hour ago.
 */
export function signNodeCertificate(ca: CertificateAuthority, csr: string | Buffer, now: number): SignedCertificate {
  const { subject, publicKey, dnsNames, ips } = parseCsr(csr);
  const validity = validFor(now, LIFETIME_HOURS, BACKDATED_HOURS);
  return { ca: ca.crt, crt: Buffer.from(ca.sign({ subject, publicKey, dnsNames, ips, validity })) };
}

/** The issuer of a node that has the authority's key itself. */
export function localIssuer(ca: CertificateAuthority, clock: Clock): Issuer {
  return async csr => signNodeCertificate(ca, csr, clock.now());
}

/** Refuses an answer that is not for `key` or not from the authority that came with it: it would break every handshake. */
export function checkSigned({ ca, crt }: SignedCertificate, key: KeyObject): void {
  const leaf = parseCertificate(crt);
  if (!publicKeyDer(leaf.publicKey).equals(publicKeyDer(key))) {
    throw new TalosdError('unknown', 'the issued certificate is for another key');
  }
  if (!isIssuedBy(leaf, parseCertificate(ca))) {
    throw new TalosdError('unknown', 'the issued certificate is not signed by its authority');
  }
}
