import { connect } from 'node:net';
import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { SecurityServiceClient } from '../gen/securityapi/securityapi.ts';
import { FakeClock, systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Scope } from '../lib/scope.ts';
import { CertificateAuthority, createCa, validFor } from '../pki/ca.ts';
import { fingerprint, isIssuedBy, parseCertificate } from '../pki/certificate.ts';
import { createCsr } from '../pki/csr.ts';
import { generateKey } from '../pki/keys.ts';
import { EMPTY_ORGANIZATION } from '../pki/name.ts';
import { encodePem } from '../pki/pem.ts';
import { type RequestCertificateOptions, requestCertificate } from './client.ts';
import { networkIssuer } from './network-issuer.ts';
import { NodeCertificates } from './node-certificates.ts';
import { PeerRateLimiter, type RateLimit } from './rate-limit.ts';
import { RefusalLog } from './refusal-log.ts';
import { TrustdServer } from './server.ts';
import { localIssuer } from './sign.ts';

const HOST = '127.83.42.9';
const TOKEN = 'abcdef.0123456789abcdef';
let scope: Scope;
let lines: string[];

beforeEach(() => {
  scope = new Scope();
  lines = [];
});
afterEach(() => scope.close());

const write = (line: string) => void lines.push(line);
const log = { info: write, warn: write, error: write };

async function newCa(): Promise<CertificateAuthority> {
  const validity = validFor(Date.now(), 24);
  return new CertificateAuthority(
    await createCa({ algorithm: 'ed25519', subject: { organizations: ['talos'] }, validity }),
  );
}

async function startTrustd(
  ca: CertificateAuthority,
  host = HOST,
  port = 0,
  rateLimit?: RateLimit,
  shown = ca,
): Promise<number> {
  const certificates = new NodeCertificates({
    names: () => ({ dnsNames: ['cp'], ips: [host] }),
    issue: localIssuer(shown, systemClock),
    log: silentLogger,
    clock: systemClock,
  });
  await certificates.start();
  scope.add(() => certificates.close());
  const server = new TrustdServer({ host, port, ca, token: TOKEN, certificates, log, clock: systemClock, rateLimit });
  scope.add(() => server.close());
  return (await server.listen()).port;
}

async function newCsr(): Promise<string> {
  const key = await generateKey('ed25519');
  return createCsr({ key, subject: EMPTY_ORGANIZATION, dnsNames: ['w1'], ips: ['10.5.0.9'] });
}

function client(port: number): SecurityServiceClient {
  const channel = credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  const result = new SecurityServiceClient(`${HOST}:${port}`, channel, { 'grpc.ssl_target_name_override': 'trustd' });
  scope.add(() => result.close());
  return result;
}

/** The answer of one call as `<code>: <text>` where it failed. */
function outcome(start: (callback: (error: ServiceError | null, value?: unknown) => void) => unknown): Promise<string> {
  return new Promise(resolve => start(error => resolve(error ? `${error.code}: ${error.details}` : 'OK')));
}

function withToken(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('token', token);
  return metadata;
}

function ask(port: number, csr: string, change: Partial<RequestCertificateOptions> = {}) {
  const signal = scope.signal;
  return requestCertificate({ endpoints: [HOST], port, token: TOKEN, csr, log, signal, clock: systemClock, ...change });
}

describe('server', () => {
  test('signs a leaf for one day from an hour ago, and says so in two lines without the token', async () => {
    const ca = await newCa();
    const port = await startTrustd(ca);
    const before = Date.now();
    const { ca: answered, crt } = await ask(port, await newCsr());
    const leaf = parseCertificate(crt);
    expect(answered).toEqual(ca.crt);
    expect([isIssuedBy(leaf, ca.certificate), leaf.subject.text, leaf.dnsNames, leaf.ips]).toEqual([
      true,
      'O=',
      ['w1'],
      ['10.5.0.9'],
    ]);
    expect(leaf.notAfter - leaf.notBefore).toBe(25 * 3_600_000);
    expect(Math.abs(leaf.notBefore + 3_600_000 - before)).toBeLessThan(60_000);
    const method = '/securityapi.SecurityService/Certificate';
    expect(lines.map(line => line.replace(/[\d.]+(m|µ|n)?s\b/, '<d>').replace(/grpc-node-js\/[\d.]+/, '<ua>'))).toEqual(
      [
        `request - Method:${method}\tDuration:<d>\tError:<nil>`,
        `OK [${method}] <d> unary Success (:authority=${HOST}:${port};content-type=application/grpc;token=<hidden>;user-agent=<ua>)`,
      ],
    );
    expect(lines.join()).not.toContain(TOKEN);
  });

  test('wrong, missing and doubled tokens, files, and what is no request', async () => {
    const port = await startTrustd(await newCa());
    const trustd = client(port);
    const doubled = withToken(TOKEN);
    doubled.add('token', TOKEN);
    const csr = Buffer.from(await newCsr());
    const call = (metadata: Metadata, bytes = csr) =>
      outcome(done => trustd.certificate({ csr: bytes }, metadata, done));
    const known = withToken(TOKEN);
    const der = Buffer.from(csr.toString().split('\n').slice(1, -2).join(''), 'base64');
    der[der.length - 1]! ^= 1;
    expect([
      await call(known),
      await call(withToken(undefined)),
      await call(withToken('')),
      await call(withToken(TOKEN.slice(1))),
      await call(doubled),
      await call(known, Buffer.alloc(0)),
      await call(known, Buffer.from(encodePem('CERTIFICATE', der))),
      await call(known, Buffer.from(encodePem('CERTIFICATE REQUEST', Buffer.from('no DER')))),
      await call(known, Buffer.from(encodePem('CERTIFICATE REQUEST', der))),
      await outcome(done => trustd.readFile({ path: '/etc/passwd' }, known, done)),
      await outcome(done => trustd.writeFile({ path: '/x', data: csr, perm: 0o600 }, known, done)),
      await outcome(done => trustd.readFile({ path: '/etc/passwd' }, withToken('x'), done)),
    ]).toEqual([
      'OK',
      '2: Unauthenticated',
      '2: Unauthenticated',
      '2: Unauthenticated',
      '2: Unauthenticated',
      '2: failed to parse PEM block',
      '2: unsupported PEM block: CERTIFICATE',
      '2: failed to parse certificate request: not well-formed DER',
      '2: certificate request is not signed by its own key',
      '12: trustd neither reads nor writes files',
      '12: trustd neither reads nor writes files',
      '2: Unauthenticated',
    ]);
    expect(lines.filter(line => line.startsWith('Unknown ')).length).toBe(9);
    expect(lines.filter(line => line.startsWith('Unimplemented ')).length).toBe(2);
  });

  test('a peer that calls too often is told so; too large a message is not read', async () => {
    const port = await startTrustd(await newCa(), HOST, 0, { burst: 3, perSecond: 0.001 });
    const trustd = client(port);
    const large = await outcome(done => trustd.certificate({ csr: Buffer.alloc(5 << 20) }, withToken(TOKEN), done));
    expect(large).toMatch(/^8: /);
    const csr = Buffer.from(await newCsr());
    const results: string[] = [];
    for (let count = 0; count < 5; count++) {
      results.push(await outcome(done => trustd.certificate({ csr }, withToken(TOKEN), done)));
    }
    const refused = '8: too many certificate requests from this address';
    expect(results).toEqual(['OK', 'OK', 'OK', refused, refused]);
    expect(lines.filter(line => line.startsWith('refused'))).toEqual([
      'refused connection from 127.0.0.1: too many calls from this address',
    ]);
  });

  test('garbage on the port harms nobody', async () => {
    const port = await startTrustd(await newCa());
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        return new Promise(resolve => {
          const socket = connect(port, HOST, () => socket.end(Buffer.alloc(1000, index * 23)));
          socket.on('error', () => {}).once('close', resolve);
          socket.resume();
        });
      }),
    );
    await ask(port, await newCsr());
    expect(lines.filter(line => line.startsWith('refused')).length).toBe(1);
  });

  test('an empty token is refused at the start', async () => {
    const ca = await newCa();
    const options = { host: HOST, ca, token: '', log, clock: systemClock };
    const certificates = new NodeCertificates({
      names: () => ({ dnsNames: [], ips: [] }),
      issue: localIssuer(ca, systemClock),
      log,
      clock: systemClock,
    });
    expect(() => new TrustdServer({ ...options, certificates })).toThrow('machine.token is empty');
  });
});

describe('client', () => {
  test('goes to the next endpoint when one is dead', async () => {
    const port = await startTrustd(await newCa());
    const dead = '127.83.42.10';
    const { crt } = await ask(port, await newCsr(), { endpoints: [dead, HOST], random: () => 0.99 });
    expect(parseCertificate(crt).ips).toEqual(['10.5.0.9']);
    expect(lines[0]).toBe(`failed to get a certificate from trustd at ${dead}: connect ECONNREFUSED ${dead}:${port}`);
  });

  test('gives up after five minutes of trying, stops at once when told to', async () => {
    const clock = new FakeClock();
    const options = { endpoints: ['127.83.42.10'], clock };
    const failed = expect(ask(1, await newCsr(), options)).rejects.toThrow('timeout waiting for certificate');
    let isDone = false;
    const done = failed.finally(() => {
      isDone = true;
    });
    while (!isDone) await clock.advance(10_000);
    await done;
    const abort = new AbortController();
    const stopped = expect(ask(1, await newCsr(), { ...options, signal: abort.signal })).rejects.toThrow('enough');
    abort.abort(new Error('enough'));
    await stopped;
  });

  test('with a configured authority only its trustd is believed', async () => {
    const [ours, theirs] = await Promise.all([newCa(), newCa()]);
    const port = await startTrustd(ours);
    await startTrustd(theirs, '127.83.42.11', port);
    const endpoints = ['127.83.42.11', HOST];
    const answer = await ask(port, await newCsr(), { endpoints, pinnedCa: ours.crt, random: () => 0.99 });
    expect(answer.ca).toEqual(ours.crt);
    expect(lines[0]).toMatch(/^failed to get a certificate from trustd at 127\.83\.42\.11: /);
    expect(lines.filter(line => line.startsWith('OK '))).toHaveLength(1); // the stranger never saw the token
  });

  test('a proxy of the environment never carries it', async () => {
    for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy']) vi.stubEnv(name, 'http://127.0.0.1:1');
    onTestFinished(() => void vi.unstubAllEnvs());
    const ours = await newCa();
    const port = await startTrustd(ours);
    expect((await ask(port, await newCsr(), { pinnedCa: ours.crt })).ca).toEqual(ours.crt);
  });

  test('an answer in the name of another authority is refused, whoever showed the way to it', async () => {
    const [ours, theirs] = await Promise.all([newCa(), newCa()]);
    // The server shows a leaf of ours, so that the handshake is fine; what it signs is theirs.
    const port = await startTrustd(theirs, HOST, 0, undefined, ours);
    const clock = new FakeClock();
    const abort = new AbortController();
    const asked = ask(port, await newCsr(), { pinnedCa: ours.crt, clock, signal: abort.signal }).catch(error => error);
    await vi.waitFor(() => expect(lines.filter(line => line.startsWith('failed'))).toHaveLength(1));
    expect(lines.find(line => line.startsWith('failed'))).toBe(
      `failed to get a certificate from trustd at ${HOST}: another certificate authority: expected ${fingerprint(ours.crt)}, found ${fingerprint(theirs.crt)}`,
    );
    abort.abort(new Error('enough'));
    expect(await asked).toEqual(new Error('enough'));
  });

  test('without one the first answer is pinned and logged once', async () => {
    const [first, other] = await Promise.all([newCa(), newCa()]);
    const port = await startTrustd(first);
    await startTrustd(other, '127.83.42.11', port);
    let saved: Buffer | undefined;
    let endpoints = [HOST];
    const stop = new AbortController();
    const issue = networkIssuer({
      endpoints: async () => endpoints,
      port,
      token: TOKEN,
      pin: {
        load: async () => saved,
        save: async ca => {
          saved = ca;
        },
      },
      log: {
        ...log,
        warn: line => {
          write(line);
          if (line.includes('42.11')) stop.abort(new Error('seen'));
        },
      },
      clock: systemClock,
    });
    await issue(await newCsr(), scope.signal);
    await issue(await newCsr(), scope.signal);
    expect(saved).toEqual(first.crt);
    const pinned = `machine.ca.crt is not set: from now on only the authority ${fingerprint(first.crt)} is believed`;
    expect(lines.filter(line => line.includes('machine.ca.crt'))).toEqual([pinned]);
    endpoints = ['127.83.42.11'];
    await expect(issue(await newCsr(), stop.signal)).rejects.toThrow('seen');
    expect(saved).toEqual(first.crt);
  });
});

test('a bucket refills with time, IPv6 neighbours share one, and many peers do not fill the memory', async () => {
  const clock = new FakeClock();
  const limiter = new PeerRateLimiter({ burst: 2, perSecond: 1 }, clock);
  const take = (address: string) => limiter.take(address);
  expect(['10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.2'].map(take)).toEqual([true, true, false, true]);
  await clock.advance(1000);
  expect(['10.0.0.1', '10.0.0.1'].map(take)).toEqual([true, false]);
  expect(['fd00::1', 'fd00::2', 'fd00::3', 'fd00:0:0:1::3'].map(take)).toEqual([true, true, false, true]);
  for (let peer = 0; peer < 5000; peer++) take(`10.1.${peer >> 8}.${peer & 255}`);
  expect(take('10.0.0.1')).toBe(true); // long forgotten
});

test('refused connections are one line in ten seconds', async () => {
  const clock = new FakeClock();
  const refusals = new RefusalLog(log, clock);
  for (let count = 0; count < 5; count++) refusals.report({ address: '10.0.0.1', reason: 'handshake timed out' });
  await clock.advance(10_000);
  await clock.advance(10_000);
  refusals.report({ address: '', reason: 'x' });
  expect(lines).toEqual([
    'refused connection from 10.0.0.1: handshake timed out',
    'refused connection from 10.0.0.1: handshake timed out (and 3 more in the last 10s)',
    'refused connection from unknown: x',
  ]);
});
