import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isIssuedBy, parseCertificate } from '../pki/certificate.ts';
import { publicKeyDer } from '../pki/keys.ts';
import { type GeneratedFile, genCa, genCrt, genCsr, genKey, genKeypair } from './gen-pki.ts';

const now = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const names = (files: GeneratedFile[]) => files.map(file => file.name);
const bytes = (file: GeneratedFile | undefined) => Buffer.from(file?.content ?? '');

test.each([false, true])('an authority, a key, a request and a certificate from them (RSA: %s)', async rsa => {
  const ca = await genCa({ organization: 'acme', rsa, now });
  const key = await genKey({ name: 'dir.d/node' });
  const csr = genCsr({ keyPath: 'dir.d/node.key', key: bytes(key[0]), ip: '10.5.0.2' });
  const crt = genCrt({ caCrt: bytes(ca[0]), caKey: bytes(ca[2]), csr: bytes(csr[0]), name: 'node', now });
  expect([ca, key, csr, crt].map(names)).toEqual([
    ['acme.crt', 'acme.sha256', 'acme.key'],
    ['dir.d/node.key'],
    ['dir.d/node.csr'],
    ['node.crt'],
  ]);
  const [issuer, leaf] = [parseCertificate(bytes(ca[0])), parseCertificate(bytes(crt[0]))];
  expect(issuer).toMatchObject({ isCa: true, notBefore: now, notAfter: now + 87_600 * HOUR });
  expect(leaf).toMatchObject({ isCa: false, ips: ['10.5.0.2'], notBefore: now, notAfter: now + 24 * HOUR });
  expect([issuer.subject.text, leaf.subject.text, isIssuedBy(leaf, issuer)]).toEqual(['O=acme', 'O=', true]);
  const hash = createHash('sha256').update(publicKeyDer(issuer.publicKey)).digest('hex');
  expect(ca[1]?.content).toBe(`sha256:${hash}`);
  expect(bytes(ca[2]).toString()).toMatch(rsa ? /^-----BEGIN RSA PRIVATE/ : /^-----BEGIN ED25519 PRIVATE/);
});

test('a key pair is its own authority', async () => {
  const files = await genKeypair({ organization: 'kp', ip: '::1', now });
  const crt = parseCertificate(bytes(files[0]));
  expect(names(files)).toEqual(['kp.crt', 'kp.key']);
  expect(crt).toMatchObject({ isCa: true, ips: ['::1'], notAfter: now + 24 * HOUR });
  expect(isIssuedBy(crt, crt)).toBe(true);
  expect(parseCertificate(bytes((await genKeypair({ organization: 'kp', now }))[0])).ips).toEqual([]);
});

test('what is refused', async () => {
  const [key] = await genKey({ name: 'k' });
  expect(() => genCsr({ keyPath: 'k.key', key: bytes(key), ip: '1.2.3' })).toThrow('invalid IP: 1.2.3');
  expect(() => genCsr({ keyPath: 'k.key', key: 'x', ip: '1.2.3.4' })).toThrow('failed to parse PEM block');
  await expect(genKeypair({ organization: 'o', ip: 'x', now })).rejects.toThrow('invalid IP: x');
  for (const hours of [0, -1, 1.5, 1e12, Number.NaN]) {
    await expect(genCa({ organization: 'o', hours, now })).rejects.toThrow(`invalid hours: ${hours}`);
  }
});
