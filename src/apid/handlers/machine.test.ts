import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { InterfacesResponse, RoutesResponse } from '../../gen/network/network.ts';
import { FakeClock } from '../../lib/clock.ts';
import { silentLogger } from '../../lib/logger.ts';
import { MountReader } from '../../system/mounts.ts';
import type { NetworkSnapshot, RouteSnapshot } from '../../system/network-snapshot.ts';
import type { NtpAnswer } from '../../system/ntp.ts';
import { ProcFs } from '../../system/procfs.ts';
import type { CallContext } from '../handler.ts';
import { dmesgHandlers } from './dmesg.ts';
import { machineStatsHandlers } from './machine-stats.ts';
import { networkHandlers } from './network.ts';
import { processHandlers } from './processes.ts';
import { storageHandlers } from './storage.ts';
import { timeHandlers } from './time.ts';
import { versionHandlers } from './version.ts';

const peer = { address: '', subject: '', serial: '' };
const signal = new AbortController().signal;
const context: CallContext = { signal, peer, nodeCount: 1, callId: '', afterReply: () => {} };
const proc = new ProcFs();

test('each figure of the machine is exactly one element', async () => {
  const handlers = machineStatsHandlers({ proc, mounts: new MountReader(proc, silentLogger) });
  const replies = await Promise.all(Object.values(handlers).map(handler => handler({}, context)));
  expect(replies.map(reply => reply.messages.length)).toEqual(replies.map(() => 1));
  expect(await handlers.hostname({}, context)).toEqual({ messages: [{ metadata: undefined, hostname: hostname() }] });
  expect((await handlers.memory({}, context)).messages[0]!.meminfo!.memtotal).toBeGreaterThan(0n);
  expect((await handlers.mounts({}, context)).messages[0]!.stats.map(mount => mount.mountedOn)).toContain('/proc');
  const { processes } = (await processHandlers({ proc }).processes({}, context)).messages[0]!;
  expect(processes.map(process => process.pid)).toContain(process.pid);
});

test('Version: the contract as tag, our release as sha', async () => {
  let platform: { name: string; mode: string } | undefined;
  const { version } = versionHandlers({ release: '0.1.0-1a2b3c4', built: '2026-11-24', platform: () => platform });
  expect((await version({}, context)).messages[0]!.platform).toBeUndefined();
  platform = { name: 'local', mode: 'container' };
  expect(await version({}, context)).toEqual({
    messages: [
      {
        metadata: undefined,
        version: {
          tag: 'v0.9.3',
          sha: '0.1.0-1a2b3c4',
          built: '2026-11-24',
          goVersion: `node ${process.version}`,
          os: 'linux',
          arch: expect.stringMatching(/^(amd64|arm64)$/),
        },
        platform,
      },
    ],
  });
});

const NONE = { gateway: '', source: '', sourceLength: 0, metric: 0, scope: 0, flags: 0, table: 254 };
const ROUTES: RouteSnapshot[] = [
  { ...NONE, family: 2, link: 'eth0', destination: '0.0.0.0/0', gateway: '10.5.0.1', protocol: 3 },
  { ...NONE, family: 2, link: 'eth0', destination: '10.5.0.0/24', source: '10.5.0.2', scope: 253, protocol: 2 },
  { ...NONE, family: 2, link: '', destination: '10.9.0.0/16', protocol: 3 },
  { ...NONE, family: 10, link: 'eth0', destination: '::/0', gateway: 'fe80::1', metric: 1024, protocol: 9 },
  { ...NONE, family: 10, link: 'lo', destination: '::1/128', protocol: 2 },
];
const LINK = { mtu: 1500, hardwareAddress: '02:42:0a:05:00:02', operationalState: 'UP', addresses: [] };
const SNAPSHOT: NetworkSnapshot = {
  routes: ROUTES,
  links: [
    {
      ...LINK,
      index: 1,
      name: 'lo',
      mtu: 65536,
      hardwareAddress: '',
      flags: 5,
      addresses: [{ family: 2, address: '127.0.0.1', prefixLength: 8, scope: 254 }],
    },
    {
      ...LINK,
      index: 17,
      name: 'eth0',
      flags: 19,
      addresses: [{ family: 2, address: '10.5.0.2', prefixLength: 24, scope: 0 }],
    },
  ],
};

test('Interfaces and Routes as the original writes them, on the wire too', async () => {
  const handlers = networkHandlers({ network: { snapshot: SNAPSHOT } });
  const interfaces = await handlers.interfaces({}, context);
  expect(interfaces.messages[0]!.interfaces).toEqual([
    { index: 1, mtu: 65536, name: 'lo', hardwareaddr: '', flags: 5, ipaddress: ['127.0.0.1/8'] },
    { index: 17, mtu: 1500, name: 'eth0', hardwareaddr: '02:42:0a:05:00:02', flags: 19, ipaddress: ['10.5.0.2/24'] },
  ]);
  const encoded = InterfacesResponse.encode(interfaces).finish();
  expect(InterfacesResponse.decode(encoded).messages[0]!.interfaces[1]!.flags).toBe(19);
  const routes = RoutesResponse.decode(RoutesResponse.encode(await handlers.routes({}, context)).finish());
  const rows = routes.messages[0]!.routes.map(route => [
    route.interface,
    route.destination,
    route.gateway,
    route.source,
    route.family,
    route.protocol,
    route.scope,
    route.metric,
  ]);
  expect(rows).toEqual([
    ['eth0', '0.0.0.0/0', '10.5.0.1/32', '0.0.0.0/0', 2, 3, 0, 0],
    ['eth0', '10.5.0.0/24', '0.0.0.0/32', '10.5.0.2/0', 2, 2, 253, 0],
    ['eth0', '::/0', 'fe80::1/32', '::/0', 10, 9, 0, 1024],
    ['lo', '::1/128', '::/32', '::/0', 10, 2, 0, 0],
  ]);
});

test('Time asks the configured server, TimeCheck the one named; a silent one is an error', async () => {
  const clock = new FakeClock(1_700_000_000_250);
  const asked: string[] = [];
  const { time, timeCheck } = timeHandlers({
    clock,
    server: () => 'pool.ntp.org',
    query: async server => {
      asked.push(server);
      if (server === 'silent') throw new Error('no answer from silent in 5000 ms');
      return { transmitted: 1_700_000_001_500_000_001n } as NtpAnswer;
    },
  });
  expect(await time({}, context)).toEqual({
    messages: [
      {
        metadata: undefined,
        server: 'pool.ntp.org',
        localtime: { seconds: 1_700_000_000n, nanos: 250_000_000 },
        remotetime: { seconds: 1_700_000_001n, nanos: 500_000_001 },
      },
    ],
  });
  expect((await timeCheck({ server: '10.0.0.1' }, context)).messages[0]!.server).toBe('10.0.0.1');
  await expect(timeCheck({ server: 'silent' }, context)).rejects.toThrow(
    'failed to query NTP server: no answer from silent in 5000 ms',
  );
  expect(asked).toEqual(['pool.ntp.org', '10.0.0.1', 'silent']);
});

test('Dmesg: a message a record, what is unreadable as an error among them; Disks as listed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'talosd-dmesg-'));
  const read = async (record: string) => {
    writeFileSync(join(folder, 'kmsg'), record);
    const { dmesg } = dmesgHandlers({ clock: new FakeClock(), proc, device: join(folder, 'kmsg') });
    for await (const message of dmesg({ follow: false, tail: false }, context)) return message;
    return undefined;
  };
  expect(String((await read('6,1,5,-;hello\n'))!.bytes)).toMatch(/^kern: {4}info: \[\d{4}-.*Z\]: hello\n$/);
  expect((await read('garbage'))!.metadata!.error).toBe('kernel record of unknown form: "garbage"');
  await rm(folder, { recursive: true });
  const disk = { size: 512n, model: 'm\n', deviceName: '/dev/sda' };
  expect(await storageHandlers({ listDisks: async () => [disk] }).disks({}, context)).toEqual({
    messages: [{ metadata: undefined, disks: [disk] }],
  });
});
