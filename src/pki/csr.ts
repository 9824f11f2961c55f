import type { KeyObject } from 'node:crypto';
import { TalosdError } from '../lib/errors.ts';
import {
  type Asn1,
  bitString,
  bits,
  children,
  content,
  decodeDer,
  encodeDer,
  explicit,
  hasTag,
  malformed,
  objectIdentifier,
  oidText,
  sequence,
  setOf,
  TAG,
  unsignedInteger,
} from './der.ts';
import { decodeExtensions, extensionValue, subjectAltName } from './extensions.ts';
import { decodePublicKey, publicKeyDer } from './keys.ts';
import { decodeName, encodeName, type Name, type ParsedName } from './name.ts';
import { OID } from './oids.ts';
import { encodePem, labelledPem } from './pem.ts';
import { decodeSubjectNames, type SubjectNames } from './san.ts';
import { signatureAlgorithm, signBytes, verifyBytes } from './signature.ts';

/** What a certificate request asks for; its own signature has been verified. */
export interface CertificateRequest extends SubjectNames {
  readonly subject: ParsedName;
  readonly publicKey: KeyObject;
}

export interface CsrOptions extends Partial<SubjectNames> {
  readonly key: KeyObject;
  readonly subject: Name;
}

const WHAT = 'certificate request';

/** PEM of a PKCS#10 request signed with `key`. */
export function createCsr(options: CsrOptions): string {
  const { key, subject, dnsNames = [], ips = [] } = options;
  const names = subjectAltName({ dnsNames, ips });
  const attributes = names.map(name => sequence(objectIdentifier(OID.extensionRequest), setOf(sequence(name))));
  const info = sequence(
    unsignedInteger(Buffer.from([0])),
    encodeName(subject),
    decodeDer(publicKeyDer(key), 'public key'),
    explicit(0, ...attributes),
  );
  const signature = bitString(signBytes(encodeDer(info), key));
  return encodePem('CERTIFICATE REQUEST', encodeDer(sequence(info, signatureAlgorithm(key), signature)));
}

/** Reads a PEM request and verifies that it was signed by the key it names. */
export function parseCsr(pem: string | Buffer): CertificateRequest {
  const { der } = labelledPem(pem, 'CERTIFICATE REQUEST');
  const [info, algorithm, signature, ...rest] = children(decodeDer(der, WHAT), TAG.sequence, WHAT);
  const [version, name, spki, attributes] = children(info, TAG.sequence, WHAT);
  if (rest.length > 0 || !spki || !algorithm || !content(version, TAG.integer, WHAT).equals(Buffer.from([0]))) {
    throw malformed(WHAT, 'unexpected structure');
  }
  const publicKey = decodePublicKey(encodeDer(spki));
  if (!verifyBytes(encodeDer(info!), bits(signature, WHAT), algorithm, publicKey, WHAT)) {
    throw new TalosdError('unknown', 'certificate request is not signed by its own key');
  }
  return { subject: decodeName(name, WHAT), publicKey, ...requestedNames(attributes) };
}

function requestedNames(attributes: Asn1 | undefined): SubjectNames {
  if (attributes === undefined) return { dnsNames: [], ips: [] };
  for (const attribute of children(attributes, 0, WHAT, true)) {
    const [type, values] = children(attribute, TAG.sequence, WHAT);
    if (oidText(type, WHAT) !== OID.extensionRequest || !hasTag(values, TAG.set)) continue;
    const extensions = decodeExtensions(children(values, TAG.set, WHAT)[0], WHAT);
    const names = extensionValue(extensions, OID.subjectAltName, WHAT);
    if (names) return decodeSubjectNames(names, WHAT);
  }
  return { dnsNames: [], ips: [] };
}
