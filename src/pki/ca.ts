import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { TalosdError } from '../lib/errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import {
  type Asn1,
  bitString,
  bits,
  children,
  decodeDer,
  encodeDer,
  encoded,
  explicit,
  sequence,
  TAG,
  time,
  unsignedInteger,
} from './der.ts';
import {
  authorityKeyIdentifier,
  certificateAuthority,
  type ExtendedKeyUsage,
  extendedKeyUsage,
  type KeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from './extensions.ts';
import {
  decodePrivateKey,
  encodePrivateKey,
  generateEncodedKey,
  generateKey,
  type KeyAlgorithm,
  keyAlgorithm,
  publicKeyDer,
} from './keys.ts';
import { encodeName, type Name, type ParsedName } from './name.ts';
import { encodePem, type PemPair } from './pem.ts';
import type { SubjectNames } from './san.ts';
import { signatureAlgorithm, signBytes } from './signature.ts';

export const HOUR_MILLISECONDS = 3_600_000;
/** Life of generated CAs and of the admin certificate (machine-config.md §8.1). */
export const CA_LIFETIME_HOURS = 87_600;

/** From when to when, milliseconds since the Unix epoch; certificates keep whole seconds. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** `hours` from `now` on; `backdatedHours` lets clocks that are behind accept it at once. */
export function validFor(now: number, hours: number, backdatedHours = 0): Validity {
  return { notBefore: now - backdatedHours * HOUR_MILLISECONDS, notAfter: now + hours * HOUR_MILLISECONDS };
}

export interface CaOptions extends Partial<SubjectNames> {
  readonly algorithm: KeyAlgorithm;
  readonly subject: Name;
  readonly validity: Validity;
  readonly rsaBits?: number;
}

export interface LeafOptions extends SubjectNames {
  /** Copied from the request byte for byte, or written anew. */
  readonly subject: Name | ParsedName;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  /** Default digitalSignature. */
  readonly keyUsages?: readonly KeyUsage[];
  /** Default serverAuth and clientAuth. */
  readonly extendedKeyUsages?: readonly ExtendedKeyUsage[];
}

const BOTH_USAGES: readonly ExtendedKeyUsage[] = ['serverAuth', 'clientAuth'];
const SIGNATURE = compact(keyUsage(['digitalSignature']));
const SERVER_AND_CLIENT = compact(extendedKeyUsage(BOTH_USAGES));

/** A new self-signed certificate authority (machine-config.md §8.1). */
export async function createCa(options: CaOptions): Promise<PemPair> {
  const { subject, validity, dnsNames = [], ips = [] } = options;
  const key = await generateKey(options.algorithm, options.rsaBits);
  const name = encodeName(subject);
  const fields = { issuer: name, subject: name, validity, spki: publicKeyDer(key) };
  const crt = signCertificate(key, signatureAlgorithm(key), fields, [
    keyUsage(['digitalSignature', 'keyCertSign']),
    SERVER_AND_CLIENT,
    certificateAuthority(),
    subjectKeyIdentifier(keyId(key)),
    ...subjectAltName({ dnsNames, ips }),
  ]);
  return { crt: Buffer.from(crt), key: Buffer.from(encodePrivateKey(key)) };
}

/** A loaded authority: signs leaves with the algorithm of its own key, whatever its own certificate was signed with. */
export class CertificateAuthority {
  readonly certificate: Certificate;
  /** The PEM text it was loaded from. */
  readonly crt: Buffer;
  readonly #key: KeyObject;
  /** What all leaves of this authority have in common, encoded once. */
  readonly #issuer: Asn1;
  readonly #algorithm: Asn1;
  readonly #authorityKeyId: readonly Asn1[];

  /** Throws when either half cannot be read or the key is not the certificate's. */
  constructor(pair: PemPair) {
    this.crt = pair.crt;
    this.certificate = parseCertificate(pair.crt);
    this.#key = decodePrivateKey(pair.key);
    if (!publicKeyDer(this.#key).equals(publicKeyDer(this.certificate.publicKey))) {
      throw new TalosdError(
        'unknown',
        'the private key of the certificate authority does not belong to its certificate',
      );
    }
    const { subject, subjectKeyId } = this.certificate;
    this.#issuer = compact(subject.asn1);
    this.#algorithm = compact(signatureAlgorithm(this.#key));
    this.#authorityKeyId = subjectKeyId ? [compact(authorityKeyIdentifier(subjectKeyId))] : [];
  }

  /** The kind of key that certificates of this authority get (machine-config.md §8.1). */
  get algorithm(): KeyAlgorithm {
    return keyAlgorithm(this.#key);
  }

  /** PEM of a leaf for somebody else's key. Issuer is this authority's subject, byte for byte. */
  sign(leaf: LeafOptions): string {
    return this.#sign(leaf, publicKeyDer(leaf.publicKey));
  }

  #sign(leaf: Omit<LeafOptions, 'publicKey'>, spki: Buffer): string {
    const { subject, validity, keyUsages, extendedKeyUsages } = leaf;
    const fields = { issuer: this.#issuer, subject: nameAsn1(subject), validity, spki };
    return signCertificate(this.#key, this.#algorithm, fields, [
      keyUsages ? keyUsage(keyUsages) : SIGNATURE,
      extendedKeyUsages ? extendedKeyUsage(extendedKeyUsages) : SERVER_AND_CLIENT,
      ...this.#authorityKeyId,
      ...subjectAltName(leaf),
    ]);
  }

  /** A new key of this authority's kind and a leaf for it. */
  async issue(leaf: Omit<LeafOptions, 'publicKey'>, rsaBits?: number): Promise<PemPair> {
    const { spki, pem } = await generateEncodedKey(this.algorithm, rsaBits);
    return { crt: Buffer.from(this.#sign(leaf, spki)), key: Buffer.from(pem) };
  }
}

interface CertificateFields {
  readonly issuer: Asn1;
  readonly subject: Asn1;
  readonly validity: Validity;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

/** The same value, encoded once for all certificates that it goes into. */
function compact(value: Asn1): Asn1 {
  return encoded(encodeDer(value));
}

function signCertificate(
  key: KeyObject,
  algorithm: Asn1,
  fields: CertificateFields,
  extensions: readonly Asn1[],
): string {
  const { issuer, subject, validity, spki } = fields;
  const tbs = sequence(
    explicit(0, unsignedInteger(Buffer.from([2]))),
    unsignedInteger(randomBytes(16)),
    algorithm,
    issuer,
    sequence(time(validity.notBefore), time(validity.notAfter)),
    subject,
    encoded(spki),
    explicit(3, sequence(...extensions)),
  );
  const signed = encodeDer(tbs);
  const signature = bitString(signBytes(signed, key));
  return encodePem('CERTIFICATE', encodeDer(sequence(encoded(signed), algorithm, signature)));
}

function nameAsn1(name: Name | ParsedName): Asn1 {
  return 'asn1' in name ? name.asn1 : encodeName(name);
}

/** SHA-1 over the public key's bits (RFC 5280 §4.2.1.2): a name for the key, not a protection. */
function keyId(key: KeyObject): Buffer {
  const spki = children(decodeDer(publicKeyDer(key), 'public key'), TAG.sequence, 'public key');
  return createHash('sha1').update(bits(spki[1], 'public key')).digest();
}
