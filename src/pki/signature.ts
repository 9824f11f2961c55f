import { sign as cryptoSign, verify as cryptoVerify, type KeyObject } from 'node:crypto';
import { TalosdError } from '../lib/errors.ts';
import { type Asn1, children, objectIdentifier, oidText, sequence, TAG } from './der.ts';
import { type KeyAlgorithm, keyAlgorithm } from './keys.ts';

interface SignatureAlgorithm {
  readonly key: KeyAlgorithm;
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null;
}

/** What is accepted; what is made here is the SHA-512 form of each key's kind (machine-config.md §8.1). */
const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.3.101.112': { key: 'ed25519', digest: null },
  '1.2.840.10045.4.3.2': { key: 'ecdsa', digest: 'sha256' },
  '1.2.840.10045.4.3.3': { key: 'ecdsa', digest: 'sha384' },
  '1.2.840.10045.4.3.4': { key: 'ecdsa', digest: 'sha512' },
  '1.2.840.113549.1.1.11': { key: 'rsa', digest: 'sha256' },
  '1.2.840.113549.1.1.12': { key: 'rsa', digest: 'sha384' },
  '1.2.840.113549.1.1.13': { key: 'rsa', digest: 'sha512' },
};

const SIGNING = { ed25519: '1.3.101.112', ecdsa: '1.2.840.10045.4.3.4', rsa: '1.2.840.113549.1.1.13' } as const;
const NULL_TAG = 5;

/** The AlgorithmIdentifier with which `key` signs: Ed25519, ECDSA-SHA512 or SHA512-RSA by the kind of the key. */
export function signatureAlgorithm(key: KeyObject): Asn1 {
  const algorithm = keyAlgorithm(key);
  const oid = objectIdentifier(SIGNING[algorithm]);
  if (algorithm !== 'rsa') return sequence(oid);
  const empty: Asn1 = { ...oid, type: NULL_TAG as Asn1['type'], value: '' };
  return sequence(oid, empty);
}

/** Signs with the algorithm of `signatureAlgorithm(key)`. */
export function signBytes(data: Buffer, key: KeyObject): Buffer {
  return cryptoSign(keyAlgorithm(key) === 'ed25519' ? null : 'sha512', data, key);
}

/** Whether `signature` over `data` was made with the private half of `key` by the algorithm that `identifier` names. */
export function verifyBytes(data: Buffer, signature: Buffer, identifier: Asn1, key: KeyObject, what: string): boolean {
  const oid = oidText(children(identifier, TAG.sequence, what)[0], what);
  const algorithm = ALGORITHMS[oid];
  if (!algorithm) throw new TalosdError('unknown', `unsupported signature algorithm of ${what}: ${oid}`);
  if (algorithm.key !== keyAlgorithm(key)) return false;
  return cryptoVerify(algorithm.digest, data, key, signature);
}
