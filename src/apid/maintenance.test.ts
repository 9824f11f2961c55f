import { X509Certificate } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { ChannelCredentials, Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MachineServiceClient } from '../gen/machine/machine.ts';
import { DisksResponse } from '../gen/storage/storage.ts';
import { WhyResponse } from '../gen/talosd/v1/talosd.ts';
import { systemClock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { whyHandler } from './handlers/node.ts';
import { MaintenanceServer } from './maintenance.ts';
import { failureOf, nodes, raw } from './test-bed.ts';

const WAITING = { subject: 'task loadConfig', state: 'waiting', reason: 'waits for a person', since: 7000 };
const consoleLines: string[] = [];
const accessLines: string[] = [];
const audited: string[] = [];
let received: Promise<Buffer>;
let address: AddressInfo;
let client: MachineServiceClient;
const stop = new AbortController();

beforeEach(async () => {
  const server = new MaintenanceServer({
    listen: { host: '127.0.0.1', port: 0 },
    addresses: () => ['10.5.0.7', '10.6.0.7'],
    hostnames: () => ['talos-maint'],
    check: config => {
      if (config.length === 0) throw new TalosdError('unknown', 'failed to parse config: config not found');
    },
    disks: async () => ({
      messages: [{ metadata: undefined, disks: [{ size: 7n, model: '', deviceName: '/dev/vda' }] }],
    }),
    interfaces: async () => ({ messages: [{ metadata: undefined, interfaces: [] }] }),
    generateConfiguration: async () => {
      throw new Error('invalid generate request');
    },
    why: whyHandler(() => ({ ready: false, chain: [WAITING] })),
    console: { info: line => consoleLines.push(line) },
    access: { info: line => accessLines.push(line) },
    audit: { served: (call, _, status) => audited.push(`${call.head.method?.name} ${status?.message ?? 'OK'}`) },
    log: silentLogger,
    clock: systemClock,
  });
  address = await new Promise<AddressInfo>((resolve, reject) => {
    received = server.receive(stop.signal, resolve);
    received.catch(reject);
  });
  const credentials = ChannelCredentials.createSsl(null, null, null, { rejectUnauthorized: false });
  client = new MachineServiceClient(`127.0.0.1:${address.port}`, credentials);
});
afterEach(() => {
  client.close();
  stop.abort();
});

function apply(data: string, onReboot = false): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = { data: Buffer.from(data), onReboot, immediate: true };
    client.applyConfiguration(request, new Metadata(), (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

test('a machine without a config: what it says, serves and refuses, until a config is accepted', async () => {
  const leaf = await leafOf(address.port);
  expect(leaf.subjectAltName).toBe(
    'DNS:talos-maint, IP Address:10.5.0.7, IP Address:10.6.0.7, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  const fingerprint = consoleLines[4]!.trim();
  expect(consoleLines).toEqual([
    'this machine is reachable at:',
    '\t10.5.0.7',
    '\t10.6.0.7',
    'server certificate fingerprint:',
    expect.stringMatching(/^\t[A-Za-z0-9+/]{43}=$/),
    '',
    'upload configuration using talosctl:',
    '\ttalosctl apply-config --insecure --nodes 10.5.0.7 --file <config.yaml>',
    'or apply configuration using talosctl interactive installer:',
    '\ttalosctl apply-config --insecure --nodes 10.5.0.7 --interactive',
    'optionally with node fingerprint check:',
    `\ttalosctl apply-config --insecure --nodes 10.5.0.7 --cert-fingerprint '${fingerprint}' --file <config.yaml>`,
  ]);

  const refused = (path: string) => failureOf(raw(client, path));
  expect(await refused('/machine.MachineService/Version')).toEqual({
    code: 12,
    details: 'method Version not implemented',
  });
  expect(await refused('/machine.MachineService/Logs')).toEqual({ code: 12, details: 'method Logs not implemented' });
  expect(await refused('/network.NetworkService/Routes')).toEqual({
    code: 12,
    details: 'method Routes not implemented',
  });
  expect(await refused('/resource.ResourceService/List')).toEqual({
    code: 12,
    details: 'unknown service resource.ResourceService',
  });
  expect(await refused('/machine.MachineService/Foo')).toEqual({
    code: 12,
    details: 'unknown method Foo for service machine.MachineService',
  });
  expect(await refused('/machine.MachineService/GenerateConfiguration')).toEqual({
    code: 2,
    details: 'invalid generate request',
  });
  expect(await refused('/talosd.v1.NodeService/DryRunConfiguration')).toEqual({
    code: 12,
    details: 'method DryRunConfiguration not implemented',
  });
  const why = WhyResponse.decode(await raw(client, '/talosd.v1.NodeService/Why', nodes('10.5.0.7')));
  expect(why.messages).toMatchObject([
    { metadata: undefined, ready: false, chain: [{ ...WAITING, since: { seconds: 7n } }] },
  ]);
  const disks = await raw(client, '/storage.StorageService/Disks', nodes('10.5.0.7'));
  expect(DisksResponse.decode(disks)).toMatchObject({ messages: [{ metadata: undefined, disks: [{ size: 7n }] }] });

  expect(await failureOf(apply('machine: {}', true))).toEqual({
    code: 2,
    details: 'apply configuration on reboot is not supported in maintenance mode',
  });
  expect(await failureOf(apply(''))).toEqual({ code: 2, details: 'failed to parse config: config not found' });
  expect(accessLines.at(-1)).toMatch(
    /^Unknown \[\/machine\.MachineService\/ApplyConfiguration\] [\d.]+[µm]?s unary failed to parse config: config not found \(:authority=127\.0\.0\.1:\d+;content-type=application\/grpc;user-agent=\S+\)$/,
  );

  expect(await apply('machine: {}')).toMatchObject({ messages: [{}] });
  expect(audited).toEqual([
    'ApplyConfiguration apply configuration on reboot is not supported in maintenance mode',
    'ApplyConfiguration failed to parse config: config not found',
    'ApplyConfiguration OK',
  ]);
  expect((await received).toString()).toBe('machine: {}');
  await expect(
    new Promise((_, reject) => connect({ host: '127.0.0.1', port: address.port }).on('error', reject)),
  ).rejects.toThrow('ECONNREFUSED');
});

async function leafOf(port: number): Promise<X509Certificate> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await new Promise(resolve => socket.once('secureConnect', resolve));
  const certificate = new X509Certificate(socket.getPeerX509Certificate()!.raw);
  socket.destroy();
  return certificate;
}
