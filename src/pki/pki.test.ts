import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, createCa, validFor } from './ca.ts';
import { fingerprint, hexFingerprint, isIssuedBy, parseCertificate } from './certificate.ts';
import { createCsr, parseCsr } from './csr.ts';
import {
  decodePrivateKey,
  encodePrivateKey,
  encodePublicKey,
  generateKey,
  type KeyAlgorithm,
  tlsPrivateKey,
} from './keys.ts';
import { EMPTY_ORGANIZATION } from './name.ts';
import { decodePem, type PemPair } from './pem.ts';
import { ipBytes } from './san.ts';
import { generateAescbcSecret, generateToken } from './secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'talosd-pki-'));
afterAll(() => rmSync(folder, { recursive: true }));
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const withOpenssl = test.skipIf(!hasOpenssl);
const needs = hasOpenssl ? '' : ' (skipped: no openssl program here)';
const now = Math.floor(Date.now() / 1000) * 1000;
const RSA_BITS = 2048; // the size changes nothing but the time that tests take
const SIGNATURES = { ed25519: 'ED25519', ecdsa: 'ecdsa-with-SHA512', rsa: 'sha512WithRSAEncryption' };
const LABELS = { ed25519: 'ED25519 PRIVATE KEY', ecdsa: 'EC PRIVATE KEY', rsa: 'RSA PRIVATE KEY' };
const NAMES = { dnsNames: ['node-1', 'node-1.example.org'], ips: ['10.5.0.2', 'fd00::1:2'] };

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function newCa(algorithm: KeyAlgorithm, organization = 'talos'): Promise<PemPair> {
  const subject = { organizations: [organization] };
  return createCa({ algorithm, subject, validity: validFor(now, 87_600), rsaBits: RSA_BITS });
}

/** The lines of openssl's text that say what the certificate is, without keys and signatures. */
function certificateText(crt: Buffer | string): string[] {
  return openssl('x509', '-in', file('text.crt', crt), '-noout', '-text')
    .split('\n')
    .map(line => line.trim())
    .filter(
      line =>
        line !== '' &&
        !/^([0-9a-f]{2}:[0-9a-f]{2}|Serial|ASN1|NIST|Modulus|Exponent|pub:|Certificate:|Data:)/i.test(line),
    );
}

describe.each(['ed25519', 'ecdsa', 'rsa'] as const)('%s', algorithm => {
  withOpenssl(`a CA and a leaf from a request satisfy openssl and Node${needs}`, async () => {
    const pair = await newCa(algorithm);
    const ca = new CertificateAuthority(pair);
    const key = await generateKey(algorithm, RSA_BITS);
    const csr = createCsr({ key, subject: EMPTY_ORGANIZATION, ...NAMES });
    const request = parseCsr(csr);
    expect({ ...request, subject: request.subject.text, publicKey: encodePublicKey(request.publicKey) }).toEqual({
      subject: 'O=',
      publicKey: encodePublicKey(key),
      ...NAMES,
    });
    expect(openssl('req', '-in', file('a.csr', csr), '-noout', '-verify', '-subject')).toContain('subject=O = \n');

    const crt = ca.sign({ ...request, validity: validFor(now, 24, 1) });
    file('ca.crt', pair.crt);
    expect(openssl('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.crt', file('leaf.crt', crt))).toBe(
      'leaf.crt: OK\n',
    );
    const parsed = parseCertificate(crt);
    const node = new X509Certificate(crt);
    expect(parsed).toMatchObject({ ...NAMES, isCa: false, notBefore: now - 3_600_000, notAfter: now + 86_400_000 });
    expect(parsed.serial.padStart(32, '0')).toBe(node.serialNumber.toLowerCase().padStart(32, '0'));
    expect([isIssuedBy(parsed, ca.certificate), isIssuedBy(ca.certificate, parsed)]).toEqual([true, false]);
    expect(node.checkIssued(new X509Certificate(pair.crt))).toBe(true);
    expect(node.verify(new X509Certificate(pair.crt).publicKey)).toBe(true);
    expect(node.checkIP('fd00::1:2') && node.checkHost('node-1')).toBeTruthy();

    const text = certificateText(crt);
    expect(text.filter(line => line.startsWith('Signature Algorithm'))).toEqual(
      Array(2).fill(`Signature Algorithm: ${SIGNATURES[algorithm]}`),
    );
    expect(
      text.slice(text.indexOf('X509v3 extensions:'), text.lastIndexOf(`Signature Algorithm: ${SIGNATURES[algorithm]}`)),
    ).toEqual([
      'X509v3 extensions:',
      'X509v3 Key Usage: critical',
      'Digital Signature',
      'X509v3 Extended Key Usage:',
      'TLS Web Server Authentication, TLS Web Client Authentication',
      'X509v3 Authority Key Identifier:',
      'X509v3 Subject Alternative Name:',
      'DNS:node-1, DNS:node-1.example.org, IP Address:10.5.0.2, IP Address:FD00:0:0:0:0:0:1:2',
    ]);
    const caText = certificateText(pair.crt);
    expect(caText.slice(caText.indexOf('X509v3 extensions:'), -2)).toEqual([
      'X509v3 extensions:',
      'X509v3 Key Usage: critical',
      'Digital Signature, Certificate Sign',
      'X509v3 Extended Key Usage:',
      'TLS Web Server Authentication, TLS Web Client Authentication',
      'X509v3 Basic Constraints: critical',
      'CA:TRUE',
      'X509v3 Subject Key Identifier:',
    ]);
    expect(caText).toContain('Subject: O = talos');
  });

  withOpenssl(`private keys go through their own label and through PKCS#8${needs}`, async () => {
    const key = await generateKey(algorithm, RSA_BITS);
    const pem = encodePrivateKey(key);
    expect(decodePem(pem).map(block => block.label)).toEqual([LABELS[algorithm]]);
    expect(decodePrivateKey(pem).equals(key)).toBe(true);
    expect(decodePrivateKey(tlsPrivateKey(pem)).equals(key)).toBe(true);
    expect(openssl('pkey', '-in', file('k.key', tlsPrivateKey(pem)), '-check', '-noout')).toContain('valid');
    if (algorithm !== 'ed25519') openssl('pkey', '-in', file('k.key', pem), '-noout');
  });

  withOpenssl(`fingerprints are those of openssl${needs}`, async () => {
    const { crt } = await newCa(algorithm);
    writeFileSync(join(folder, 'p.pem'), openssl('x509', '-in', file('f.crt', crt), '-pubkey', '-noout'));
    openssl('pkey', '-pubin', '-in', 'p.pem', '-outform', 'DER', '-out', 'p.der');
    const hex = openssl('dgst', '-sha256', '-r', 'p.der').split(' ')[0]!;
    expect(hexFingerprint(crt)).toBe(`sha256:${hex}`);
    expect(fingerprint(crt)).toBe(Buffer.from(hex, 'hex').toString('base64'));
  });
});

withOpenssl(`an authority made by openssl with other defaults signs by the kind of its key${needs}`, async () => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'o.key',
    '-out',
    'o.crt',
    '-subj',
    '/O=old/CN=öld, name',
    '-utf8',
  );
  const pair = { crt: execBuffer('o.crt'), key: execBuffer('o.key') };
  const ca = new CertificateAuthority(pair);
  expect(ca.certificate.subject.text).toBe('O=old,CN=öld\\, name');
  const leaf = await ca.issue(
    {
      subject: { organizations: ['system:masters', 'a'], commonName: 'admin@b' },
      dnsNames: [],
      ips: ['::1'],
      validity: validFor(now, 1),
    },
    RSA_BITS,
  );
  expect(openssl('verify', '-CAfile', 'o.crt', file('ol.crt', leaf.crt))).toBe('ol.crt: OK\n');
  expect(openssl('x509', '-in', 'ol.crt', '-noout', '-subject')).toBe(
    'subject=O = a + O = system:masters, CN = admin@b\n',
  );
});

function execBuffer(name: string): Buffer {
  return Buffer.from(execFileSync('cat', [join(folder, name)]));
}

withOpenssl(`a life beyond 2049 and before 1950 is written and read back${needs}`, async () => {
  const validity = { notBefore: Date.UTC(1949, 0, 1), notAfter: Date.UTC(2050, 5, 6, 7, 8, 9) };
  const { crt } = await createCa({ algorithm: 'ed25519', subject: { organizations: ['x'] }, validity });
  expect(parseCertificate(crt)).toMatchObject(validity);
  expect(openssl('x509', '-in', file('y.crt', crt), '-noout', '-enddate')).toBe('notAfter=Jun  6 07:08:09 2050 GMT\n');
});

describe('what is refused', () => {
  test('a request whose signature is another key’s', async () => {
    const [one, two] = await Promise.all([generateKey('ed25519'), generateKey('ed25519')]);
    const der = (key: typeof one) => decodePem(createCsr({ key, subject: EMPTY_ORGANIZATION }))[0]!.der;
    const forged = Buffer.concat([der(one).subarray(0, -64), der(two).subarray(-64)]);
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${forged.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    expect(() => parseCsr(pem)).toThrow('certificate request is not signed by its own key');
  });

  test('a key that is not the certificate’s, wrong labels, no PEM', async () => {
    const [one, two] = await Promise.all([newCa('ed25519'), newCa('ed25519')]);
    expect(() => new CertificateAuthority({ crt: one.crt, key: two.key })).toThrow(
      'does not belong to its certificate',
    );
    expect(() => new CertificateAuthority({ crt: one.crt, key: one.crt })).toThrow(
      'unsupported PEM block: CERTIFICATE',
    );
    expect(() => parseCsr(one.crt)).toThrow('unsupported PEM block: CERTIFICATE');
    expect(() => parseCsr('')).toThrow('failed to parse PEM block');
    expect(() => decodePrivateKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')).toThrow(
      'failed to parse key',
    );
  });
});

test('addresses become bytes in every way of writing them', () => {
  const written = ['1.2.3.4', '::', '::1', 'fe80::1:2', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', '64:ff9b::1.2.3.4', '1::'];
  expect(written.map(ip => ipBytes(ip).toString('hex'))).toEqual([
    '01020304',
    '00000000000000000000000000000000',
    '00000000000000000000000000000001',
    'fe800000000000000000000000010002',
    '00010002000300040005000600070008',
    '01020304',
    '0064ff9b000000000000000001020304',
    '00010000000000000000000000000000',
  ]);
  for (const wrong of ['1.2.3', '', ':::', 'fe80::1%eth0', '010.0.0.1'])
    expect(() => ipBytes(wrong)).toThrow('invalid IP');
});

test('tokens pass over bytes that would favour letters', () => {
  const bytes = [...Array(4).fill(255), 252, 0, 35, 36, 251, 1, 2, 3, 4, 5];
  const random = (size: number) => Buffer.from(Array.from({ length: size }, () => bytes.shift() ?? 7));
  expect(generateToken(random)).toBe('0z0z12.3457777777777777');
  expect(generateToken()).toMatch(/^[0-9a-z]{6}\.[0-9a-z]{16}$/);
  expect(Buffer.from(generateAescbcSecret(), 'base64')).toHaveLength(32);
});
