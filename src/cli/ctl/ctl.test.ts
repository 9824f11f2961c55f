import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderTalosconfig } from '../../config/talosconfig.ts';
import type { Empty } from '../../gen/google/protobuf/empty.ts';
import {
  type ApplyConfigurationRequest,
  type ApplyConfigurationResponse,
  type FileInfo,
  type ListRequest,
  MachineServiceService,
  type VersionResponse,
} from '../../gen/machine/machine.ts';
import { CertificateAuthority, createCa, validFor } from '../../pki/ca.ts';
import { fingerprint } from '../../pki/certificate.ts';
import { tlsPrivateKey } from '../../pki/keys.ts';
import { EMPTY_ORGANIZATION } from '../../pki/name.ts';
import { runCli } from '../main.ts';

const net = `127.91.${randomInt(256)}`;
const [endpoint, dead, maintenance] = [`${net}.1`, `${net}.2`, `${net}.3`];
const subject = { organizations: ['talos'] };
const scope: (() => void)[] = [];
const applied: Buffer[] = [];
const modes: string[] = [];
let folder: string;
let authority: CertificateAuthority;
let maintenanceCrt: Buffer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'talosd-ctl-'));
  authority = await newAuthority();
  await listen(endpoint, authority, true);
  maintenanceCrt = await listen(maintenance, await newAuthority(), false);
  const admin = await authority.issue({
    subject: EMPTY_ORGANIZATION,
    dnsNames: [],
    ips: ['127.0.0.1'],
    validity: validFor(Date.now(), 1, 1),
  });
  const stranger = await (await newAuthority()).issue({
    subject: EMPTY_ORGANIZATION,
    dnsNames: [],
    ips: [],
    validity: validFor(Date.now(), 1, 1),
  });
  const context = { endpoints: [endpoint], nodes: [], ca: authority.crt, crt: admin.crt, key: admin.key };
  const contexts = {
    alone: context,
    several: { ...context, endpoints: [dead, endpoint], nodes: ['n1', 'n2'] },
    broken: { ...context, nodes: ['n2', 'n3'] },
    stranger: { ...context, crt: stranger.crt, key: stranger.key },
    name: { ...context, endpoints: ['localhost.invalid'] },
    otherca: { ...context, ca: (await newAuthority()).crt },
  };
  const config = renderTalosconfig({ context: 'alone', contexts: new Map(Object.entries(contexts)) });
  writeFileSync(join(folder, 'talosconfig'), config);
  writeFileSync(join(folder, 'config.yaml'), 'version: v1alpha1\n');
  scope.push(() => rmSync(folder, { recursive: true }));
});
afterAll(() => {
  for (const close of scope) close();
});

async function newAuthority(): Promise<CertificateAuthority> {
  return new CertificateAuthority(
    await createCa({ algorithm: 'ed25519', subject, validity: validFor(Date.now(), 1, 1) }),
  );
}

/** A node as an original one looks from outside: it knows no `talosd.v1`, and n2 and n3 behind it are dead. */
async function listen(ip: string, ca: CertificateAuthority, isMutual: boolean): Promise<Buffer> {
  const leaf = await ca.issue({
    subject: EMPTY_ORGANIZATION,
    dnsNames: [],
    ips: [ip],
    validity: validFor(Date.now(), 1, 1),
  });
  const pair = { cert_chain: leaf.crt, private_key: Buffer.from(tlsPrivateKey(leaf.key)) };
  const server = new Server();
  server.addService(MachineServiceService, {
    version: (call: ServerUnaryCall<Empty, VersionResponse>, done: sendUnaryData<VersionResponse>) => {
      const version = { tag: ip, sha: '', built: '', goVersion: '', os: 'linux', arch: 'amd64' };
      const messages = perNode(call.metadata).map(metadata => ({
        metadata,
        version: metadata?.error ? undefined : version,
        platform: undefined,
      }));
      done(null, { messages });
    },
    list: (call: ServerWritableStream<ListRequest, FileInfo>) => {
      for (const metadata of perNode(call.metadata)) call.write(fileInfo(metadata, call.request.root));
      call.end();
    },
    applyConfiguration: (
      call: ServerUnaryCall<ApplyConfigurationRequest, ApplyConfigurationResponse>,
      done: sendUnaryData<ApplyConfigurationResponse>,
    ) => {
      const { data, immediate, onReboot } = call.request;
      applied.push(Buffer.from(data));
      modes.push(immediate ? 'immediate' : onReboot ? 'on-reboot' : 'reboot');
      done(null, { messages: [{ metadata: undefined }] });
    },
  });
  const credentials = ServerCredentials.createSsl(isMutual ? ca.crt : null, [pair], isMutual);
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`${ip}:50000`, credentials, error => (error ? reject(error) : resolve()));
  });
  scope.push(() => server.forceShutdown());
  return leaf.crt;
}

function perNode(metadata: Metadata) {
  const nodes = metadata.get('nodes').flatMap(value => String(value).split(/, */));
  if (nodes.length === 0) return [undefined];
  return nodes.map(hostname => {
    const error = hostname === 'n1' ? '' : 'rpc error: code = Unavailable desc = gone';
    const failure = error ? { code: status.UNAVAILABLE, message: 'gone', details: [] } : undefined;
    return { hostname, error, status: failure };
  });
}

function fileInfo(metadata: FileInfo['metadata'], root: string): FileInfo {
  const numbers = { size: 1n, mode: 0o644, modified: 0n, isDir: false };
  return { metadata, name: root, relativeName: root, error: '', link: '', ...numbers };
}

async function ctl(...args: string[]) {
  const out = { stdout: '', stderr: '' };
  const sink = (name: keyof typeof out) => ({
    write: (text: string | Uint8Array) => {
      out[name] += String(text);
    },
  });
  const io = { stdout: sink('stdout'), stderr: sink('stderr'), cwd: folder, env: { TALOSCONFIG: 'talosconfig' } };
  return { code: await runCli(['ctl', ...args], io), ...out };
}

const refusedDial = (address: string) =>
  `connection error: desc = "transport: Error while dialing dial tcp ${address}:50000: connect: connection refused"`;

describe('talosd ctl against nodes', () => {
  test('one endpoint without nodes is its own node', async () => {
    expect(await ctl('ls', '/etc')).toEqual({ code: 0, stdout: '/etc\n', stderr: '' });
    expect((await ctl('version', '--short')).stdout).toContain(
      `\tNODE:        ${endpoint}\n\tTag:         ${endpoint}\n`,
    );
  });

  test('a dead endpoint is passed over, a dead node is warned of', async () => {
    for (let round = 0; round < 4; round++) {
      const { code, stdout, stderr } = await ctl('--context', 'several', 'version');
      expect([code, stdout.match(/NODE: .*/g), stderr]).toEqual([
        0,
        ['NODE:        n1'],
        'WARNING: 1 error occurred:\n\t* n2: rpc error: code = Unavailable desc = gone\n\n\n',
      ]);
    }
    expect(await ctl('ls', '/etc', '--context', 'several')).toEqual({
      code: 0,
      stdout: 'NODE   NAME\nn1     /etc\n',
      stderr: 'n2: rpc error: code = Unavailable desc = gone\n',
    });
  });

  test('with every node dead the command fails', async () => {
    const gone = 'rpc error: code = Unavailable desc = gone';
    expect(await ctl('--context', 'broken', 'ls', '-l')).toEqual({
      code: 1,
      stdout: 'NODE   MODE   SIZE(B)   LASTMOD   NAME\n',
      stderr: `n2: ${gone}\nn3: ${gone}\n`,
    });
    const { code, stderr } = await ctl('--context', 'broken', 'version');
    expect([code, stderr]).toEqual([1, `error getting version: n2: ${gone}; n3: ${gone}\n`]);
  });

  test.each([
    [['-e', dead], refusedDial(dead)],
    [['--context', 'name'], 'dial tcp: lookup localhost.invalid: no such host"'],
    [
      ['--context', 'otherca'],
      'transport: authentication handshake failed: self-signed certificate in certificate chain"',
    ],
    [['--context', 'stranger'], 'the node may not accept the client certificate of this talosconfig'],
  ])('%j cannot be reached, and one line says why', async (flags, reason) => {
    const { code, stderr } = await ctl('ls', ...flags);
    expect([code, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toContain(`error listing files: rpc error: code = Unavailable desc = `);
    expect(stderr).toContain(reason);
  });

  test("the server's certificate must name the endpoint", async () => {
    const other = `${net}.4`;
    const leaf = await authority.issue({
      subject: EMPTY_ORGANIZATION,
      dnsNames: [],
      ips: [dead],
      validity: validFor(Date.now(), 1, 1),
    });
    const server = new Server();
    const pair = { cert_chain: leaf.crt, private_key: Buffer.from(tlsPrivateKey(leaf.key)) };
    await new Promise<void>((resolve, reject) => {
      const credentials = ServerCredentials.createSsl(authority.crt, [pair], true);
      server.bindAsync(`${other}:50000`, credentials, error => (error ? reject(error) : resolve()));
    });
    const { code, stderr } = await ctl('-e', other, 'ls');
    server.forceShutdown();
    expect(code).toBe(1);
    expect(stderr).toContain(`IP: ${other} is not in the cert's list: ${dead}`);
  });

  test.each([
    [['apply-config', '-f', 'config.yaml', '--dry-run'], 'error in the dry run: --dry-run'],
    [['apply-config', '-f', 'config.yaml', '--try', '1m'], 'error applying new configuration: --try'],
    [['apply-config', '--confirm'], 'error confirming the configuration: --confirm'],
    [['why'], 'error asking why: why'],
  ])('%j on an original node does nothing and says so', async (args, what) => {
    applied.length = 0;
    const reason = 'needs talosd on the node; this one does not know the service, and nothing was done';
    expect(await ctl(...args)).toEqual({ code: 1, stdout: '', stderr: `${what} ${reason}\n` });
    expect(applied).toEqual([]);
  });

  test('a config is sent as it is, in the mode that was asked for', async () => {
    applied.length = 0;
    modes.length = 0;
    for (const flags of [[], ['--immediate'], ['--on-reboot'], ['--mode', 'immediate'], ['--mode', 'on-reboot']])
      expect(await ctl('apply-config', '-f', 'config.yaml', ...flags)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(modes).toEqual(['reboot', 'immediate', 'on-reboot', 'immediate', 'on-reboot']);
    expect(applied.map(String)).toEqual(Array(5).fill('version: v1alpha1\n'));
  });

  test('maintenance mode: one node, and only the certificate with the fingerprint', async () => {
    applied.length = 0;
    const apply = ['apply-config', '--insecure', '-f', 'config.yaml', '-n', maintenance];
    const right = fingerprint(maintenanceCrt);
    const wrong = Buffer.alloc(32).toString('base64');
    expect(await ctl(...apply)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await ctl(...apply, '--cert-fingerprint', `${wrong},${right}`)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(applied.map(String)).toEqual(['version: v1alpha1\n', 'version: v1alpha1\n']);
    writeFileSync(join(folder, 'noted.yaml'), 'machine: {disks: [], foo: 1}\ncluster: {}\n');
    expect(await ctl('apply', '-i', '-n', maintenance, '-f', 'noted.yaml')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'note: noted.yaml:1:22: machine.foo: unknown key\n',
    });
    applied.pop();
    const refused = await ctl(...apply, '--cert-fingerprint', wrong);
    expect([refused.code, applied.length]).toEqual([1, 2]);
    expect(refused.stderr).toContain(`leaf peer certificate doesn't match the provided fingerprints: [${wrong}]`);
    expect((await ctl(...apply, '--cert-fingerprint', 'deadbeef')).stderr).toContain(
      'error parsing certificate fingerprint',
    );
  });
});
