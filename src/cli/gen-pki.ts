import { extname } from 'node:path';
import { TalosdError } from '../lib/errors.ts';
import { parseIp } from '../lib/ip.ts';
import { CA_LIFETIME_HOURS, CertificateAuthority, createCa, validFor } from '../pki/ca.ts';
import { hexFingerprint } from '../pki/certificate.ts';
import { createCsr, parseCsr } from '../pki/csr.ts';
import { decodePrivateKey, encodePrivateKey, generateKey } from '../pki/keys.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';

/** A file that a `gen` command writes, mode 0600 (spec/machine-config.md §8.3). */
export interface GeneratedFile {
  readonly name: string;
  readonly content: string | Buffer;
}

export interface GenCaOptions {
  readonly organization: string;
  /** Default 87600. */
  readonly hours?: number;
  /** RSA-4096 in place of Ed25519. */
  readonly rsa?: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** `gen ca`: `<org>.crt`, `<org>.sha256` (`sha256:` and hex of the public key's hash, no newline), `<org>.key`. */
export async function genCa(options: GenCaOptions): Promise<GeneratedFile[]> {
  const { organization, hours = CA_LIFETIME_HOURS, rsa = false, now } = options;
  const { crt, key } = await createCa({
    algorithm: rsa ? 'rsa' : 'ed25519',
    subject: { organizations: [organization] },
    validity: validFor(now, checkedHours(hours)),
  });
  return [
    { name: `${organization}.crt`, content: crt },
    { name: `${organization}.sha256`, content: hexFingerprint(crt) },
    { name: `${organization}.key`, content: key },
  ];
}

/** `gen key`: `<name>.key`, Ed25519. */
export async function genKey({ name }: { readonly name: string }): Promise<GeneratedFile[]> {
  return [{ name: `${name}.key`, content: encodePrivateKey(await generateKey('ed25519')) }];
}

export interface GenCsrOptions {
  /** Path of the key, from which the file name is made. */
  readonly keyPath: string;
  /** PEM of the key; any kind. */
  readonly key: string | Buffer;
  readonly ip: string;
}

/** `gen csr`: `<key path minus extension>.csr` for one address, signed with the key. */
export function genCsr({ keyPath, key, ip }: GenCsrOptions): GeneratedFile[] {
  const csr = createCsr({ key: decodePrivateKey(key), subject: EMPTY_ORGANIZATION, ips: [checkedIp(ip)] });
  const extension = extname(keyPath);
  return [{ name: `${extension === '' ? keyPath : keyPath.slice(0, -extension.length)}.csr`, content: csr }];
}

export interface GenCrtOptions {
  /** PEM of `<ca>.crt` and `<ca>.key`; any kind of key. */
  readonly caCrt: Buffer;
  readonly caKey: Buffer;
  /** PEM of the request. */
  readonly csr: string | Buffer;
  readonly name: string;
  /** Default 24. */
  readonly hours?: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** `gen crt`: `<name>.crt`, a leaf for server and client from the request's subject, key and names. */
export function genCrt({ caCrt, caKey, csr, name, hours = 24, now }: GenCrtOptions): GeneratedFile[] {
  const ca = new CertificateAuthority({ crt: caCrt, key: caKey });
  return [
    { name: `${name}.crt`, content: ca.sign({ ...parseCsr(csr), validity: validFor(now, checkedHours(hours)) }) },
  ];
}

export interface GenKeypairOptions {
  readonly organization: string;
  readonly ip?: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** `gen keypair`: `<org>.crt` and `<org>.key`, a self-signed authority of 24 h, with the address as its name. */
export async function genKeypair({ organization, ip, now }: GenKeypairOptions): Promise<GeneratedFile[]> {
  const { crt, key } = await createCa({
    algorithm: 'ed25519',
    subject: { organizations: [organization] },
    validity: validFor(now, 24),
    ips: ip ? [checkedIp(ip)] : [],
  });
  return [
    { name: `${organization}.crt`, content: crt },
    { name: `${organization}.key`, content: key },
  ];
}

function checkedIp(ip: string): string {
  if (!parseIp(ip)) throw new TalosdError('invalid_argument', `invalid IP: ${ip}`);
  return ip;
}

/** A thousand years: what certificates can say ends with the year 9999. */
const MAX_HOURS = 8_760_000;

function checkedHours(hours: number): number {
  if (Number.isInteger(hours) && hours > 0 && hours <= MAX_HOURS) return hours;
  throw new TalosdError('invalid_argument', `invalid hours: ${hours} (1 to ${MAX_HOURS})`);
}
