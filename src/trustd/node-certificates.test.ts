import { X509Certificate } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { type Clock, FakeClock } from '../lib/clock.ts';
import { CertificateAuthority, createCa, HOUR_MILLISECONDS, validFor } from '../pki/ca.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { type NodeCertificate, NodeCertificates } from './node-certificates.ts';
import { type Issuer, localIssuer } from './sign.ts';

let clock: FakeClock;
let ca: CertificateAuthority;
let lines: string[];
let onLine: () => void;
const log = {
  info: (line: string) => write(line),
  warn: (line: string) => write(line),
  error: (line: string) => write(line),
};

function write(line: string): void {
  lines.push(line);
  onLine();
}

/** Resolves when a line that contains `text` has been written, or is there already after the first `from` lines. */
function logged(text: string, from: number): Promise<void> {
  return new Promise(resolve => {
    onLine = () => {
      if (lines.slice(from).some(line => line.includes(text))) resolve();
    };
    onLine();
  });
}

function nextLeaf(certificates: NodeCertificates): Promise<NodeCertificate> {
  return new Promise(resolve => {
    const end = certificates.onChange(leaf => {
      end();
      resolve(leaf);
    });
  });
}

beforeEach(async () => {
  clock = new FakeClock();
  lines = [];
  onLine = () => {};
  const subject = { organizations: ['talos'] };
  ca = new CertificateAuthority(
    await createCa({ algorithm: 'ed25519', subject, validity: validFor(clock.now(), 87_600) }),
  );
});

test('a leaf lives from an hour ago for a day, and is renewed with a new key when half of its rest is over', async () => {
  const names = { dnsNames: ['n1', 'n1'], ips: ['10.5.0.2'] };
  const certificates = new NodeCertificates({ names: () => names, issue: localIssuer(ca, clock), log, clock });
  expect(() => certificates.current).toThrow('the node has no certificate yet');
  await certificates.start();
  const first = certificates.current;
  const start = clock.now();
  expect(parseCertificate(first.crt)).toMatchObject({
    dnsNames: ['n1'],
    ips: ['10.5.0.2'],
    isCa: false,
    notBefore: start - HOUR_MILLISECONDS,
    notAfter: start + 24 * HOUR_MILLISECONDS,
  });
  expect(new X509Certificate(first.crt).subject).toBe('O=');

  await clock.advance(12 * HOUR_MILLISECONDS - 1000);
  expect(certificates.current).toBe(first);
  const renewed = nextLeaf(certificates);
  await clock.advance(1000);
  const second = await renewed;
  expect(second.fingerprint).not.toBe(first.fingerprint);
  expect(second.notAfter).toBe(start + 36 * HOUR_MILLISECONDS);
  await certificates.close();
  expect(lines).toEqual([
    `issued certificate with fingerprint ${first.fingerprint}`,
    'next renewal in 12h0m0s',
    `issued certificate with fingerprint ${second.fingerprint}`,
    'next renewal in 12h0m0s',
  ]);
});

test('a failed renewal is retried after half of what is left, and the old leaf stays until one succeeds', async () => {
  let isDown = false;
  const issue: Issuer = async (csr, signal) => {
    if (isDown) throw new Error('trustd is away');
    return localIssuer(ca, clock)(csr, signal);
  };
  const certificates = new NodeCertificates({ names: () => ({ dnsNames: ['n'], ips: [] }), issue, log, clock });
  await certificates.start();
  const first = certificates.current;
  isDown = true;
  for (const hours of [12, 6]) {
    const from = lines.length;
    await clock.advance(hours * HOUR_MILLISECONDS);
    await logged('next renewal', from);
  }
  expect(certificates.current).toBe(first);
  isDown = false;
  const renewed = nextLeaf(certificates);
  await clock.advance(3 * HOUR_MILLISECONDS);
  const second = await renewed;
  await certificates.close();
  expect(lines.slice(2)).toEqual([
    'failed to renew certificate: trustd is away',
    'next renewal in 6h0m0s',
    'failed to renew certificate: trustd is away',
    'next renewal in 3h0m0s',
    `issued certificate with fingerprint ${second.fingerprint}`,
    'next renewal in 12h0m0s',
  ]);
});

test('a new address or name gives a new leaf at once, the same ones in another order do not', async () => {
  let names = { dnsNames: ['n'], ips: ['10.0.0.1', '10.0.0.2'] };
  const certificates = new NodeCertificates({ names: () => names, issue: localIssuer(ca, clock), log, clock });
  await certificates.start();
  names = { dnsNames: ['n'], ips: ['10.0.0.2', '10.0.0.1'] };
  certificates.refresh();
  await clock.advance(60_000);
  expect(lines).toHaveLength(2);
  names = { dnsNames: ['n'], ips: ['10.0.0.3'] };
  const renewed = nextLeaf(certificates);
  certificates.refresh();
  expect(parseCertificate((await renewed).crt).ips).toEqual(['10.0.0.3']);
  await certificates.close();
});

test('a wall clock that was set makes a new leaf, whichever way it went', async () => {
  let offset = 0;
  const settable: Clock = {
    now: () => clock.now() + offset,
    monotonic: () => clock.monotonic(),
    sleep: (milliseconds, signal) => clock.sleep(milliseconds, signal),
    after: (milliseconds, action) => clock.after(milliseconds, action),
  };
  const names = () => ({ dnsNames: ['n'], ips: [] });
  const certificates = new NodeCertificates({ names, issue: localIssuer(ca, settable), log, clock: settable });
  await certificates.start();
  for (const years of [10, -10]) {
    offset = years * 365 * 24 * HOUR_MILLISECONDS;
    const renewed = nextLeaf(certificates);
    await clock.advance(60_000);
    await renewed;
  }
  await certificates.close();
});

test('an answer for another key or from a stranger is not taken', async () => {
  const names = () => ({ dnsNames: ['n'], ips: [] });
  const earlier = new NodeCertificates({ names, issue: localIssuer(ca, clock), log, clock });
  await earlier.start();
  const { crt } = earlier.current;
  const replay = new NodeCertificates({ names, issue: async () => ({ ca: ca.crt, crt }), log, clock });
  await expect(replay.start()).rejects.toThrow('the issued certificate is for another key');
  const stranger: Issuer = async (csr, signal) => ({ ...(await localIssuer(ca, clock)(csr, signal)), ca: crt });
  const wrong = new NodeCertificates({ names, issue: stranger, log, clock });
  await expect(wrong.start()).rejects.toThrow('the issued certificate is not signed by its authority');
  await earlier.close();
});
