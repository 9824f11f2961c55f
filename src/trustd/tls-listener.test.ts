import type { KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { connect as tcpConnect } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CertificateAuthority, createCa, type LeafOptions, validFor } from '../pki/ca.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { tlsPrivateKey } from '../pki/keys.ts';
import type { PemPair } from '../pki/pem.ts';
import { type RefusedConnection, TlsListener } from './tls-listener.ts';

const HOST = '127.83.41.7';
const HOUR = 3_600_000;
const now = Date.now();
let ca: CertificateAuthority;
let foreign: CertificateAuthority;
let shown: PemPair;
let client: PemPair;
let listener: TlsListener;
let grpc: Server;
let port: number;
const refused: RefusedConnection[] = [];
let onRefused: (() => void) | undefined;

function newCa(): Promise<CertificateAuthority> {
  const options = { algorithm: 'ed25519', subject: { organizations: ['talos'] }, validity: validFor(now, 24) } as const;
  return createCa(options).then(pair => new CertificateAuthority(pair));
}

function leaf(
  issuer: CertificateAuthority,
  change: Partial<LeafOptions & { publicKey: KeyObject }> = {},
): Promise<PemPair> {
  const subject = { organizations: ['me'] };
  return issuer.issue({ subject, dnsNames: [], ips: [HOST], validity: validFor(now, 1, 1), ...change });
}

/** What became of the next refused connection. */
function nextRefusal(): Promise<RefusedConnection> {
  return new Promise(resolve => {
    onRefused = () => resolve(refused.at(-1)!);
  });
}

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
const WHO = {
  path: '/test.Test/Who',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
} as const;

function who(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
  const { transportSecurityType: type, sslPeerCertificate: certificate } = call.getAuthContext();
  const peer = call.getPeer().replace(/:\d+$/, '');
  callback(null, Buffer.from(JSON.stringify({ type, subject: { ...certificate?.subject }, peer })));
}

beforeAll(async () => {
  [ca, foreign] = await Promise.all([newCa(), newCa()]);
  [shown, client] = await Promise.all([leaf(ca), leaf(ca)]);
  grpc = new Server();
  grpc.addService({ who: WHO }, { who });
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  listener = new TlsListener({
    host: HOST,
    port: 0,
    secureContext: () => ({ cert: shown.crt, key: tlsPrivateKey(shown.key), ca: ca.crt, requestCert: true }),
    onConnection: socket => injector.injectConnection(socket),
    onRefused: info => {
      refused.push(info);
      onRefused?.();
    },
    handshakeTimeoutMilliseconds: 500,
    maxConnectionsPerPeer: 8,
  });
  port = (await listener.listen()).port;
});

afterAll(async () => {
  grpc.forceShutdown();
  await listener.close();
});

function dial(pair: PemPair | undefined, options: ConnectionOptions = {}): TLSSocket {
  const identity = pair && { cert: pair.crt, key: tlsPrivateKey(pair.key) };
  const socket = connect({
    host: HOST,
    port,
    ca: ca.crt,
    servername: '',
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
    ...identity,
    ...options,
  });
  socket.on('error', () => {});
  return socket;
}

function secured(socket: TLSSocket): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

test('gRPC over an injected connection knows its peer and certificate; a rotated leaf shows to new handshakes only', async () => {
  const identity = credentials.createSsl(ca.crt, Buffer.from(tlsPrivateKey(client.key)), client.crt, {
    checkServerIdentity: () => undefined,
  });
  const rpc = new Client(`${HOST}:${port}`, identity, { 'grpc.ssl_target_name_override': 'node' });
  const ask = () =>
    new Promise<unknown>((resolve, reject) => {
      rpc.makeUnaryRequest(WHO.path, bytes.serialize, bytes.deserialize, Buffer.alloc(0), (error, value) =>
        error ? reject(error) : resolve(JSON.parse(String(value))),
      );
    });
  expect(await ask()).toEqual({ type: 'ssl', subject: { O: 'me' }, peer: '127.0.0.1' });
  const connections = listener.connections;
  shown = await leaf(ca);
  listener.rotate();
  expect(await ask()).toMatchObject({ type: 'ssl' });
  expect(listener.connections).toBe(connections); // the same connection went on
  const socket = await secured(dial(client));
  expect(socket.getPeerCertificate().raw).toEqual(parseCertificate(shown.crt).der);
  socket.destroy();
  rpc.close();
});

test.each([
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
] as const)('%s with %s over X25519; no session is taken up again', async (version, suite) => {
  const first = dial(client, { maxVersion: version });
  const session = new Promise<Buffer>(resolve => first.once('session', resolve));
  await secured(first);
  expect([first.getProtocol(), first.getCipher().standardName, first.getEphemeralKeyInfo()]).toMatchObject([
    version,
    suite,
    { name: 'X25519' },
  ]);
  const second = await secured(dial(client, { maxVersion: version, session: await session }));
  expect(second.isSessionReused()).toBe(false);
  for (const socket of [first, second]) socket.destroy();
});

test.each([
  ['no certificate', async (): Promise<PemPair | undefined> => undefined, {}, 'peer did not return a certificate'],
  ['a foreign authority', () => leaf(foreign), {}, /^client certificate: /],
  [
    'an expired one',
    () => leaf(ca, { validity: { notBefore: now - 2 * HOUR, notAfter: now - HOUR } }),
    {},
    'client certificate: CERT_HAS_EXPIRED',
  ],
  [
    'one of the future',
    () => leaf(ca, { validity: { notBefore: now + HOUR, notAfter: now + 2 * HOUR } }),
    {},
    'client certificate: CERT_NOT_YET_VALID',
  ],
  [
    'one for servers only',
    () => leaf(ca, { extendedKeyUsages: ['serverAuth'] }),
    {},
    'client certificate: INVALID_PURPOSE',
  ],
  ['another group', async () => client, { ecdhCurve: 'P-256' }, 'no suitable key share'],
  [
    'another suite',
    async () => client,
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' },
    'no shared cipher',
  ],
  [
    'an old version',
    async () => client,
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    'unsupported protocol',
  ],
  ['another protocol', async () => client, { ALPNProtocols: ['http/1.1'] }, 'no application protocol'],
] as const)('refused: %s', async (_, pair, options, reason) => {
  const refusal = nextRefusal();
  const socket = dial(await pair(), { ...options } as ConnectionOptions);
  const closed = new Promise(resolve => socket.once('close', resolve));
  expect(await refusal).toEqual({ address: '127.0.0.1', reason: expect.stringMatching(reason) });
  await closed;
});

test('a look whether the port is open is nothing refused', async () => {
  await vi.waitFor(() => expect(listener.connections).toBe(0));
  const count = refused.length;
  const probe = tcpConnect(port, HOST, () => probe.end());
  await once(probe, 'close');
  await vi.waitFor(() => expect(listener.connections).toBe(0));
  expect(refused.slice(count)).toEqual([]);
});

test('a client that says nothing, or nonsense, is let go; one with too many connections too', async () => {
  for (const [text, reason] of [
    ['', 'handshake timed out'],
    ['GET / HTTP/1.1\r\n\r\n', 'http request'],
  ] as const) {
    const refusal = nextRefusal();
    const socket = tcpConnect(port, HOST);
    socket.write(text);
    const closed = new Promise(resolve => socket.on('error', () => {}).once('close', resolve));
    expect(await refusal).toEqual({ address: '127.0.0.1', reason });
    await closed;
  }
  const refusal = nextRefusal();
  const sockets = Array.from({ length: 9 }, () => tcpConnect(port, HOST).on('error', () => {}));
  expect(await refusal).toEqual({ address: '127.0.0.1', reason: 'too many connections from this address' });
  for (const socket of sockets) socket.destroy();
});

test('asking for client certificates without an authority is refused: the web’s own would be believed', () => {
  const options = { host: HOST, port: 0, onConnection: () => {}, onRefused: () => {} };
  const secureContext = () => ({ cert: shown.crt, key: tlsPrivateKey(shown.key), requestCert: true });
  expect(() => new TlsListener({ ...options, secureContext })).toThrow('needs a certificate authority');
});
