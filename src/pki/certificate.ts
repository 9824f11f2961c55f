import { createHash, type KeyObject } from 'node:crypto';
import {
  type Asn1,
  bits,
  children,
  content,
  decodeDer,
  encodeDer,
  explicit,
  hasTag,
  malformed,
  TAG,
  timeValue,
} from './der.ts';
import { decodeExtensions, type Extensions, extensionValue } from './extensions.ts';
import { decodePublicKey, publicKeyDer } from './keys.ts';
import { decodeName, type ParsedName } from './name.ts';
import { OID } from './oids.ts';
import { labelledPem } from './pem.ts';
import { decodeSubjectNames, type SubjectNames } from './san.ts';
import { verifyBytes } from './signature.ts';

/** A certificate as far as this system looks into one. Nothing of it has been verified by reading it. */
export interface Certificate extends SubjectNames {
  readonly der: Buffer;
  readonly subject: ParsedName;
  readonly issuer: ParsedName;
  /** Lower-case hex, two digits a byte, without leading zero bytes. */
  readonly serial: string;
  /** Milliseconds since the Unix epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly isCa: boolean;
  readonly subjectKeyId: Buffer | undefined;
}

const WHAT = 'certificate';

/** Reads one certificate from PEM text, the first of it, or from DER bytes. */
export function parseCertificate(input: string | Buffer): Certificate {
  return decodeCertificate(labelledPem(input, 'CERTIFICATE').der);
}

/** Reads one certificate from DER bytes. */
export function decodeCertificate(der: Buffer): Certificate {
  const { tbs } = split(der);
  const fields = children(tbs, TAG.sequence, WHAT);
  if (!hasTag(fields[0], 0, true)) fields.unshift(explicit(0)); // version 1 is written by leaving it out
  const [, serial, , issuer, validity, subject, spki, ...optional] = fields;
  if (!spki) throw malformed(WHAT, 'unexpected structure');
  const [notBefore, notAfter] = children(validity, TAG.sequence, WHAT);
  const extensions = readExtensions(optional);
  const names = extensionValue(extensions, OID.subjectAltName, WHAT);
  return {
    der,
    subject: decodeName(subject, WHAT),
    issuer: decodeName(issuer, WHAT),
    serial: content(serial, TAG.integer, WHAT)
      .toString('hex')
      .replace(/^(00)+(?=..)/, ''),
    notBefore: timeValue(notBefore, WHAT),
    notAfter: timeValue(notAfter, WHAT),
    publicKey: decodePublicKey(encodeDer(spki)),
    isCa: readIsCa(extensions),
    subjectKeyId: readSubjectKeyId(extensions),
    ...(names ? decodeSubjectNames(names, WHAT) : { dnsNames: [], ips: [] }),
  };
}

/** Whether `issuer` made the signature of `certificate` and its names chain. Looks at no dates and no usages. */
export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (!encodeDer(certificate.issuer.asn1).equals(encodeDer(issuer.subject.asn1))) return false;
  const { tbs, algorithm, signature } = split(certificate.der);
  return verifyBytes(encodeDer(tbs), bits(signature, WHAT), algorithm, issuer.publicKey, WHAT);
}

/** SHA-256 over the certificate's SubjectPublicKeyInfo. */
export function publicKeyHash(certificate: Certificate): Buffer {
  return createHash('sha256').update(publicKeyDer(certificate.publicKey)).digest();
}

/** The fingerprint that logs show and `--cert-fingerprint` takes: standard base64 (spec/api.md §5). */
export function fingerprint(pem: string | Buffer): string {
  return publicKeyHash(parseCertificate(pem)).toString('base64');
}

/** The fingerprint that `gen ca` writes: `sha256:` and hex (spec/api.md §3.2). */
export function hexFingerprint(pem: string | Buffer): string {
  return `sha256:${publicKeyHash(parseCertificate(pem)).toString('hex')}`;
}

function split(der: Buffer): { tbs: Asn1; algorithm: Asn1; signature: Asn1 } {
  const [tbs, algorithm, signature, ...rest] = children(decodeDer(der, WHAT), TAG.sequence, WHAT);
  if (!tbs || !algorithm || !signature || rest.length > 0) throw malformed(WHAT, 'unexpected structure');
  return { tbs, algorithm, signature };
}

function readExtensions(optional: readonly Asn1[]): Extensions {
  const wrapper = optional.find(field => hasTag(field, 3, true));
  return wrapper ? decodeExtensions(children(wrapper, 3, WHAT, true)[0], WHAT) : new Map();
}

function readIsCa(extensions: Extensions): boolean {
  const value = extensionValue(extensions, OID.basicConstraints, WHAT);
  if (!value) return false;
  const [ca] = children(value, TAG.sequence, WHAT);
  return hasTag(ca, TAG.boolean) && content(ca, TAG.boolean, WHAT)[0] === 0xff;
}

function readSubjectKeyId(extensions: Extensions): Buffer | undefined {
  const value = extensionValue(extensions, OID.subjectKeyIdentifier, WHAT);
  return value && content(value, TAG.octetString, WHAT);
}
