import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { TalosdError } from '../lib/errors.ts';
import { CertificateAuthority, createCa, validFor } from './ca.ts';
import { decodeCertificate, isIssuedBy, parseCertificate } from './certificate.ts';
import { createCsr, parseCsr } from './csr.ts';
import { decodeDer, encodeDer } from './der.ts';
import { decodePrivateKey, encodePrivateKey, generateKey } from './keys.ts';
import { EMPTY_ORGANIZATION } from './name.ts';
import { decodePem, encodePem } from './pem.ts';

const valid: { label: string; der: Buffer }[] = [];
beforeAll(async () => {
  for (const algorithm of ['ed25519', 'ecdsa'] as const) {
    const pair = await createCa({ algorithm, subject: { organizations: ['x'] }, validity: validFor(Date.now(), 24) });
    const key = await generateKey(algorithm);
    const names = { dnsNames: ['a'], ips: ['1.2.3.4'] };
    const csr = createCsr({ key, subject: EMPTY_ORGANIZATION, ...names });
    const leaf = new CertificateAuthority(pair).sign({ ...parseCsr(csr), validity: validFor(Date.now(), 1) });
    valid.push(...[pair.crt, leaf, csr, encodePrivateKey(key)].flatMap(pem => decodePem(pem)));
  }
});

/** Everything that takes bytes from outside. */
const readers: ((label: string, der: Buffer) => unknown)[] = [
  (_, der) => decodeDer(der, 'value'),
  (_, der) => decodeCertificate(der),
  (_, der) => isIssuedBy(decodeCertificate(der), decodeCertificate(der)),
  (_, der) => parseCsr(encodePem('CERTIFICATE REQUEST', der)),
  (label, der) => decodePrivateKey(encodePem(label, der)),
];

function readAll(label: string, der: Buffer): void {
  for (const read of readers) onlyTyped(() => read(label, der));
}

function onlyTyped(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(TalosdError);
    expect((error as Error).message).toMatch(/^[\x20-\x7e]+$/);
  }
}

type Edit = { kind: 'flip' | 'cut' | 'double'; at: number; with: number };

function mutate(der: Buffer, edits: readonly Edit[]): Buffer {
  let result = Buffer.from(der);
  for (const edit of edits) {
    const at = edit.at % Math.max(1, result.length);
    if (edit.kind === 'flip' && result.length > 0) result[at] = edit.with;
    if (edit.kind === 'cut') result = Buffer.concat([result.subarray(0, at), result.subarray(at + (edit.with % 8))]);
    if (edit.kind === 'double')
      result = Buffer.concat([result.subarray(0, at + (edit.with % 32)), result.subarray(at)]);
  }
  return result;
}

const edits = fc.array(
  fc.record({ kind: fc.constantFrom<Edit['kind']>('flip', 'cut', 'double'), at: fc.nat(2000), with: fc.nat(255) }),
  { minLength: 1, maxLength: 4 },
);

describe('bytes from outside give a value or a TalosdError, quickly', () => {
  const bounded = { numRuns: 3000, interruptAfterTimeLimit: 4000 };

  test('damaged certificates, requests and keys', () => {
    fc.assert(
      fc.property(fc.nat(7), edits, (index, list) => readAll(valid[index]!.label, mutate(valid[index]!.der, list))),
      bounded,
    );
  });

  test('random bytes', () => {
    const labels = fc.constantFrom('PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY', 'ED25519 PRIVATE KEY', 'OTHER');
    fc.assert(
      fc.property(labels, fc.uint8Array({ maxLength: 400 }), (label, bytes) => readAll(label, Buffer.from(bytes))),
      bounded,
    );
  });

  test('random and damaged PEM text', () => {
    const pieces = fc.constantFrom(
      '-----BEGIN ',
      '-----END ',
      'CERTIFICATE',
      'CERTIFICATE REQUEST',
      '-----',
      '\n',
      '\r\n',
      'MIIB',
      '====',
      'a: b',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string())), parts => {
        const text = parts.join('');
        for (const read of [decodePem, parseCertificate, parseCsr, decodePrivateKey]) onlyTyped(() => read(text));
      }),
      bounded,
    );
  });

  test('what is decoded is written back byte for byte', () => {
    for (const { der } of valid) expect(encodeDer(decodeDer(der, 'value'))).toEqual(der);
  });

  test('PEM of any bytes is read back, also with other line ends and text around', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        const der = Buffer.from(bytes);
        const text = `Certificate: data\n${encodePem('A B', der)}junk\n`.replaceAll('\n', '\r\n');
        expect(decodePem(text)).toEqual([{ label: 'A B', der }]);
      }),
    );
  });

  test.each([
    ['nesting', Buffer.concat(Array.from({ length: 15_000 }, () => Buffer.from([0x30, 0x80])))],
    ['a length of 4 GiB', Buffer.from('3084ffffffff00', 'hex')],
    ['a length of 2^1000', Buffer.concat([Buffer.from([0x30, 0xff]), Buffer.alloc(127, 0xff)])],
    ['32 000 empty values', Buffer.concat([Buffer.from('3083 00fa00'.replace(' ', ''), 'hex'), Buffer.alloc(64_000)])],
    ['a long object identifier', Buffer.concat([Buffer.from('0682f000', 'hex'), Buffer.alloc(61_440, 0x81)])],
    ['too many bytes', Buffer.alloc(1_000_000, 0x30)],
  ])('%s', (_, der) => {
    const start = performance.now();
    readAll('PRIVATE KEY', der);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('a megabyte of white space or of half PEM lines', () => {
    for (const unit of [' ', '\n', '-----BEGIN A-----\n', '-----BEGIN ', 'A']) {
      const start = performance.now();
      onlyTyped(() => parseCertificate(unit.repeat(1_000_000 / unit.length)));
      expect(performance.now() - start).toBeLessThan(2000);
    }
    expect(() => decodePem(Buffer.alloc(2_000_000))).toThrow('text too long');
  });
});
