import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { TalosdError } from '../lib/errors.ts';
import { encodePem, firstPem } from './pem.ts';

/** The three kinds of key in this system; `ecdsa` is P-256 when generated here. */
export type KeyAlgorithm = 'ed25519' | 'ecdsa' | 'rsa';

/** Size of generated RSA keys (machine-config.md §8.1). */
export const RSA_BITS = 4096;

const MAX_RSA_BITS = 8192;
const MIN_RSA_BITS = 2048;
const EC_CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const generate = promisify(generateKeyPair);

/** How each kind of private key is written. */
const PRIVATE_KEY_FORMS = {
  ed25519: { label: 'ED25519 PRIVATE KEY', type: 'pkcs8' },
  ecdsa: { label: 'EC PRIVATE KEY', type: 'sec1' },
  rsa: { label: 'RSA PRIVATE KEY', type: 'pkcs1' },
} as const;

/** A new private key. Runs off the main thread: RSA takes seconds on a slow machine. */
export async function generateKey(algorithm: KeyAlgorithm, rsaBits = RSA_BITS): Promise<KeyObject> {
  switch (algorithm) {
    case 'ed25519':
      return (await generate('ed25519')).privateKey;
    case 'ecdsa':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'rsa':
      return (await generate('rsa', { modulusLength: rsaBits })).privateKey;
  }
}

/** A new key in its encoded forms: SubjectPublicKeyInfo, and the private half as `encodePrivateKey` writes it. */
export interface EncodedKey {
  readonly spki: Buffer;
  readonly pem: string;
}

/** A new key of which only the encoded forms are wanted: they too are made off the main thread. */
export async function generateEncodedKey(algorithm: KeyAlgorithm, rsaBits = RSA_BITS): Promise<EncodedKey> {
  const { publicKey, privateKey } = await generateEncoded(algorithm, rsaBits);
  return { spki: publicKey, pem: encodePem(PRIVATE_KEY_FORMS[algorithm].label, privateKey) };
}

function generateEncoded(algorithm: KeyAlgorithm, modulusLength: number) {
  const publicKeyEncoding = { format: 'der', type: 'spki' } as const;
  const privateKeyEncoding = <T extends string>(type: T) => ({ format: 'der', type }) as const;
  const { ed25519, ecdsa, rsa } = PRIVATE_KEY_FORMS;
  switch (algorithm) {
    case 'ed25519':
      return generate('ed25519', { publicKeyEncoding, privateKeyEncoding: privateKeyEncoding(ed25519.type) });
    case 'ecdsa': {
      const options = { namedCurve: 'P-256', publicKeyEncoding, privateKeyEncoding: privateKeyEncoding(ecdsa.type) };
      return generate('ec', options);
    }
    case 'rsa':
      return generate('rsa', { modulusLength, publicKeyEncoding, privateKeyEncoding: privateKeyEncoding(rsa.type) });
  }
}

/** The kind of a private or public key; an error for kinds and sizes that this system does not use. */
export function keyAlgorithm(key: KeyObject): KeyAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519') return 'ed25519';
  if (type === 'ec' && EC_CURVES.has(details?.namedCurve ?? '')) return 'ecdsa';
  const bits = details?.modulusLength ?? 0;
  if (type === 'rsa' && bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS) return 'rsa';
  if (type === 'rsa') throw new TalosdError('unknown', `unsupported RSA key size: ${bits} bits`);
  throw new TalosdError('unknown', `unsupported key type: ${details?.namedCurve ?? type ?? 'none'}`);
}

/**
 * PEM of a private key under the label of its kind: `ED25519 PRIVATE KEY` (PKCS#8 inside), `EC PRIVATE KEY` (SEC1),
 * `RSA PRIVATE KEY` (PKCS#1) (spec/api.md §1.2).
 */
export function encodePrivateKey(key: KeyObject): string {
  const { label, type } = PRIVATE_KEY_FORMS[keyAlgorithm(key)];
  return encodePem(label, key.export({ format: 'der', type }) as Buffer);
}

/** PEM of the public half (PKIX inside): `ED25519 PUBLIC KEY`, `EC PUBLIC KEY`, or `PUBLIC KEY` for RSA. */
export function encodePublicKey(key: KeyObject): string {
  const labels = { ed25519: 'ED25519 PUBLIC KEY', ecdsa: 'EC PUBLIC KEY', rsa: 'PUBLIC KEY' };
  return encodePem(labels[keyAlgorithm(key)], publicKeyDer(key));
}

/** A private key from PEM under one of the labels of `encodePrivateKey`, or `PRIVATE KEY` (PKCS#8 of any kind). */
export function decodePrivateKey(pem: string | Buffer): KeyObject {
  const { label, der } = firstPem(pem);
  const key = readPrivateKey(label, der);
  keyAlgorithm(key);
  return key;
}

function readPrivateKey(label: string, der: Buffer): KeyObject {
  switch (label) {
    case 'ED25519 PRIVATE KEY':
    case 'PRIVATE KEY':
      return parsed(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
    case 'EC PRIVATE KEY':
      return parsed(() => createPrivateKey({ key: der, format: 'der', type: 'sec1' }));
    case 'RSA PRIVATE KEY':
      return parsed(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' }));
    default:
      throw new TalosdError('unknown', `unsupported PEM block: ${label}`);
  }
}

/** A public key from its SubjectPublicKeyInfo. */
export function decodePublicKey(spki: Buffer): KeyObject {
  const key = parsed(() => createPublicKey({ key: spki, format: 'der', type: 'spki' }));
  keyAlgorithm(key);
  return key;
}

/** SubjectPublicKeyInfo of a key, private keys give their public half. */
export function publicKeyDer(key: KeyObject): Buffer {
  return publicKeyOf(key).export({ format: 'der', type: 'spki' });
}

/** The public half of a private key; a public key is returned as it is. */
export function publicKeyOf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** The same private key as PKCS#8 under `PRIVATE KEY`: the form that Node's TLS and OpenSSL take for every kind. */
export function tlsPrivateKey(pem: string | Buffer): string {
  return decodePrivateKey(pem).export({ format: 'pem', type: 'pkcs8' }) as string;
}

function parsed(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new TalosdError('unknown', 'failed to parse key', { cause });
  }
}
