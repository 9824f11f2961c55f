import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeConfig } from '../src/config/decode.ts';
import { parseTalosconfig, renderTalosconfig } from '../src/config/talosconfig.ts';
import { CertificateAuthority, createCa, type Validity, validFor } from '../src/pki/ca.ts';
import { tlsPrivateKey } from '../src/pki/keys.ts';
import { EMPTY_ORGANIZATION } from '../src/pki/name.ts';
import type { PemPair } from '../src/pki/pem.ts';
import { type ClusterFiles, generateCluster } from './support/cluster.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, type TestNode } from './support/node.ts';
import { runProcess } from './support/process.ts';
import { describeWith, program, rootUser, talosctl } from './support/requires.ts';
import { cells, normalise, Talosctl } from './support/talosctl.ts';

const HOUR = 3_600_000;

describeWith([talosctl], 'who may call, and what restarts', () => {
  const cleanup = new Cleanup();
  const [address] = loopbackAddresses(1) as [string];
  let folder: string;
  let files: ClusterFiles;
  let node: TestNode;
  let client: Talosctl;

  beforeAll(async () => {
    folder = await cleanup.folder('trust');
    files = await generateCluster('talosd', join(folder, 'cluster'), address);
    node = await cleanup.node({ listen: address, state: join(folder, 'state'), config: files.controlplane });
    client = new Talosctl({ talosconfig: files.talosconfig, endpoint: address });
    await node.waitForLog('boot sequence: done');
  });
  afterAll(() => cleanup.run());

  /** How the client ends with another certificate in its talosconfig, and what becomes of a bare connection with it. */
  async function callWith(pair: PemPair): Promise<{ code: number | undefined; connection: string }> {
    const config = parseTalosconfig(await readFile(files.talosconfig, 'utf8'));
    const contexts = new Map([...config.contexts].map(([name, context]) => [name, { ...context, ...pair }]));
    const file = join(folder, `talosconfig-${crypto.randomUUID()}`);
    await writeFile(file, renderTalosconfig({ ...config, contexts }), { mode: 0o600 });
    const { code } = await new Talosctl({ talosconfig: file, endpoint: address }).run('version');
    return { code, connection: await connectionWith(address, pair) };
  }

  test('a foreign client certificate and an expired one are refused in the handshake, and none', async () => {
    const now = Date.now();
    const ca = { algorithm: 'ed25519', subject: { organizations: ['talos'] }, validity: validFor(now, 24) } as const;
    const foreign = new CertificateAuthority(await createCa(ca));
    const own = await clusterAuthority(files);
    const leaf = (issuer: CertificateAuthority, validity: Validity): Promise<PemPair> =>
      issuer.issue({ subject: EMPTY_ORGANIZATION, dnsNames: [], ips: ['127.0.0.1'], validity });
    expect(await callWith(await leaf(own, validFor(now, 1, 1)))).toEqual({ code: 0, connection: 'served' });
    expect(await callWith(await leaf(foreign, validFor(now, 1, 1)))).toEqual({
      code: 1,
      connection: 'closed',
    });
    expect(await callWith(await leaf(own, { notBefore: now - 2 * HOUR, notAfter: now - HOUR }))).toEqual({
      code: 1,
      connection: 'closed',
    });
    expect(await connectionWith(address)).toContain('alert certificate required');
    expect(await client.output('logs', 'audit')).toMatch(
      /"event":"refused handshake","address":"127\.0\.0\.1","reason":"client certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE"/,
    );
    expect(await client.output('version')).toContain(address);
  });

  test('restart trustd and restart apid end the part and start it again; events, history and watches show it', async () => {
    const plain = (text: string) => normalise(text, { [address]: '<node>' });
    const events = client.start('events', '--tail', '1');
    const watch = client.start('get', 'services', '--watch');
    await events.waitFor(({ stdout }) => stdout.includes(address));
    await watch.waitFor(({ stdout }) => stdout.includes('trustd'));
    expect(await client.run('restart', 'nonexistent')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `* ${address}: rpc error: code = Unknown desc = container "nonexistent" not found`,
      ),
    });

    expect(await client.output('restart', 'trustd')).toBe('');
    await node.waitForLog('service[trustd](Running): Health check successful', 2);
    expect(
      plain(await client.output('service', 'trustd'))
        .split('\n')
        .slice(4),
    ).toEqual([
      'EVENTS   [Running]: Health check successful (<age> ago)',
      '   [Running]: Started task trustd (PID <pid>) for container trustd (<age> ago)',
      '   [Waiting]: Runner Containerd(trustd) exited without error, going to restart it (<age> ago)',
      '   [Running]: Health check successful (<age> ago)',
      ...Array.from({ length: 4 }, () => expect.any(String)),
      '',
    ]);
    await watch.waitFor(({ stdout }) => (plain(stdout).match(/Service {3}trustd/g)?.length ?? 0) === 4);
    const watched = plain((await watch.stop('SIGINT')).stdout).split('\n');
    expect(watched.filter(line => line.includes('trustd'))).toEqual([
      '<node>   +   runtime   Service   trustd   2   true   true',
      '<node>   -   runtime   Service   trustd   2   true   true',
      '<node>   +   runtime   Service   trustd   1   true   false',
      '<node>   runtime   Service   trustd   2   true   true',
    ]);
    await events.waitFor(({ stdout }) => stdout.split('trustd').length > 4);
    const seen = cells(plain((await events.stop('SIGINT')).stdout)).slice(2);
    expect(seen.map(row => row.slice(2))).toEqual([
      [SERVICE_EVENT, 'trustd', 'WAITING: Runner Containerd(trustd) exited without error, going to restart it'],
      [SERVICE_EVENT, 'trustd', 'RUNNING: Started task trustd (PID <pid>) for container trustd'],
      [SERVICE_EVENT, 'trustd', 'RUNNING: Health check successful'],
    ]);

    expect((await client.run('restart', 'apid')).code).toBe(0);
    await node.waitForLog('service[apid](Running): Health check successful', 2);
    expect(plain(await client.output('service', 'apid'))).toContain(
      '[Waiting]: Runner Containerd(apid) exited without error, going to restart it',
    );
  });
});

const SERVICE_EVENT = 'talos/runtime/machine.ServiceStateEvent';

describeWith([talosctl, rootUser, program('ip')], 'a node whose addresses change', () => {
  const cleanup = new Cleanup();
  const namespace = `talosd-${process.pid}`;
  const [before, after] = ['10.101.0.1', '10.101.0.2'] as const;

  beforeAll(async () => {
    await ip('netns', 'add', namespace);
    cleanup.add(namespace, name => ip('netns', 'delete', name));
    await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    await ip('-n', namespace, 'link', 'add', 'up0', 'type', 'bridge');
    await ip('-n', namespace, 'link', 'set', 'up0', 'up');
    await ip('-n', namespace, 'address', 'add', `${before}/24`, 'dev', 'up0');
  });
  afterAll(() => cleanup.run());

  test('its leaf rotates during a running logs -f, and the stream goes on', async () => {
    const folder = await cleanup.folder('rotation');
    const files = await generateCluster('talosd', join(folder, 'cluster'), before);
    const { controlplane: config, talosconfig } = files;
    const node = await cleanup.node({ listen: '0.0.0.0', state: join(folder, 'state'), config, namespace });
    const client = new Talosctl({ talosconfig, endpoint: before, namespace });
    const moved = new Talosctl({ talosconfig, endpoint: after, namespace });
    const leaves = async () => (await client.output('logs', 'apid')).match(/issued certificate with fingerprint \S+/g);
    const first = await leaves();

    const follow = client.start('logs', 'machined', '-f', '--tail', '1');
    await follow.waitFor(({ stdout }) => stdout.includes(before));
    const rotation = client.start('logs', 'apid', '-f');
    await ip('-n', namespace, 'address', 'add', `${after}/24`, 'dev', 'up0');
    await rotation.waitFor(({ stdout }) => stdout.split('issued certificate with fingerprint').length > 2);
    expect(await rotation.stop('SIGINT')).toMatchObject({ code: 0 });

    // Only the new leaf is valid for the new address: this is a new handshake.
    expect(await moved.output('memory')).toContain(after);
    await follow.waitFor(({ stdout }) => stdout.includes('[/machine.MachineService/Memory]'));
    expect(await follow.stop('SIGINT')).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error') });
    const all = await leaves();
    expect([first?.length, all?.length, new Set(all).size]).toEqual([1, 2, 2]);
    expect(node.isRunning).toBe(true);
  });
});

/** Runs iproute2. */
async function ip(...args: string[]): Promise<void> {
  const { code, stderr } = await runProcess('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

/** What the node does with a connection: serves it, closes it, or the alert with which it ends the handshake. */
function connectionWith(host: string, pair?: PemPair): Promise<string> {
  return new Promise(resolve => {
    const identity = pair && { cert: pair.crt, key: tlsPrivateKey(pair.key) };
    const socket = connect({ host, port: 50000, rejectUnauthorized: false, ALPNProtocols: ['h2'], ...identity });
    socket.on('error', error => resolve(error.message)).on('close', () => resolve('closed'));
    // TLS 1.3 refuses after the client believes that it is connected; a server that is content speaks first.
    socket.once('data', () => {
      resolve('served');
      socket.destroy();
    });
  });
}

async function clusterAuthority({ controlplane }: ClusterFiles): Promise<CertificateAuthority> {
  const { config } = decodeConfig(await readFile(controlplane), { file: controlplane, unknownKeys: 'refuse' });
  const { crt, key } = config.machine?.ca ?? {};
  return new CertificateAuthority({ crt: Buffer.from(crt ?? []), key: Buffer.from(key ?? []) });
}
