import { expect, test, vi } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import { Scope } from '../lib/scope.ts';
import type { Exec, ExecResult, RunningProgram, startProgram } from './exec.ts';
import { NetworkObserver } from './network.ts';
import { parseRoutes4, parseRoutes6, readNetworkFromProc } from './network-proc.ts';
import { parseLinks, parseRoutes } from './network-snapshot.ts';

const LINKS = JSON.stringify([
  {
    ifindex: 17,
    ifname: 'eth0',
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    mtu: 1500,
    operstate: 'UP',
    address: '02:42:0a:05:00:02',
    addr_info: [
      { family: 'inet', local: '10.5.0.2', prefixlen: 24, scope: '0' },
      { family: 'inet6', local: 'fe80::42', prefixlen: 64, scope: '253' },
    ],
  },
  {
    ifindex: 1,
    ifname: 'lo',
    flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
    mtu: 65536,
    operstate: 'UNKNOWN',
    address: '00:00:00:00:00:00',
    addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: '254' }],
  },
  {},
]);
const ROUTES4 = JSON.stringify([
  { dst: 'default', gateway: '10.5.0.1', dev: 'eth0', flags: [] },
  { dst: '10.5.0.0/24', dev: 'eth0', protocol: '2', scope: '253', prefsrc: '10.5.0.2', flags: ['linkdown'] },
  {
    type: '2',
    dst: '127.0.0.1',
    dev: 'lo',
    table: '255',
    protocol: '2',
    scope: '254',
    prefsrc: '127.0.0.1',
    flags: [],
  },
]);
const ROUTES6 = JSON.stringify([
  { dst: 'default', from: '2001:db8::/32', gateway: 'fe80::1', dev: 'eth0', protocol: '9', metric: 1024, flags: [] },
]);

const ok = (stdout: string) => ({ failed: false, stdout }) as ExecResult;
const fakeIp =
  (answers: { links: string }, calls: string[] = []): Exec =>
  async (_, args) => {
    calls.push(args.join(' '));
    return ok(args.includes('addr') ? answers.links : args.includes('-4') ? ROUTES4 : ROUTES6);
  };

/** A monitor whose lines and end the test decides. */
function fakeMonitor() {
  const started: { line: (text: string) => void; end: () => void; isRead: boolean }[] = [];
  const start: typeof startProgram = (_file, _args, onLine) => {
    const ended = Promise.withResolvers<ExecResult>();
    const end = () => ended.resolve({ shortMessage: 'ended' } as ExecResult);
    const monitor = { line: onLine, end, isRead: true };
    started.push(monitor);
    return {
      ...{ pid: 1, ended: ended.promise, kill: end },
      pause: () => {
        monitor.isRead = false;
      },
      resume: () => {
        monitor.isRead = true;
      },
    } satisfies RunningProgram;
  };
  return { started, start };
}

test('links and routes out of what ip prints', () => {
  expect(parseLinks(LINKS)).toEqual([
    {
      index: 1,
      name: 'lo',
      mtu: 65536,
      hardwareAddress: '',
      flags: 5,
      operationalState: 'UNKNOWN',
      addresses: [{ family: 2, address: '127.0.0.1', prefixLength: 8, scope: 254 }],
    },
    {
      index: 17,
      name: 'eth0',
      mtu: 1500,
      hardwareAddress: '02:42:0a:05:00:02',
      flags: 19,
      operationalState: 'UP',
      addresses: [
        { family: 2, address: '10.5.0.2', prefixLength: 24, scope: 0 },
        { family: 10, address: 'fe80::42', prefixLength: 64, scope: 253 },
      ],
    },
  ]);
  const none = { family: 2, gateway: '', source: '', sourceLength: 0, metric: 0, scope: 0, flags: 0, table: 254 };
  expect(parseRoutes(ROUTES4, 2)).toEqual([
    { ...none, link: 'eth0', destination: '0.0.0.0/0', gateway: '10.5.0.1', protocol: 3 },
    { ...none, link: 'eth0', destination: '10.5.0.0/24', source: '10.5.0.2', scope: 253, protocol: 2, flags: 16 },
    { ...none, link: 'lo', destination: '127.0.0.1/32', source: '127.0.0.1', scope: 254, protocol: 2, table: 255 },
  ]);
  expect(parseRoutes(ROUTES6, 10)).toMatchObject([
    { destination: '::/0', gateway: 'fe80::1', sourceLength: 32, metric: 1024, protocol: 9 },
  ]);
  expect(parseRoutes('', 10)).toEqual([]);
});

test('a change is seen without a call having to ask; many lines are one listing; a lost monitor comes back', async () => {
  const clock = new FakeClock();
  const scope = new Scope();
  const answers = { links: LINKS };
  const calls: string[] = [];
  const monitor = fakeMonitor();
  const network = new NetworkObserver({
    clock,
    logger: silentLogger,
    exec: fakeIp(answers, calls),
    startProgram: monitor.start,
  });
  const seen: string[][] = [];
  network.onChange(() => seen.push(network.addresses()));
  await network.start(scope);
  await clock.advance(100);
  expect(seen).toEqual([['10.5.0.2']]);
  calls.length = 0;
  answers.links = LINKS.replace('10.5.0.2', '10.5.0.9');
  for (let line = 0; line < 100; line++) monitor.started[0]!.line('changed');
  await clock.advance(100);
  expect(seen).toEqual([['10.5.0.2'], ['10.5.0.9']]);
  expect(calls).toHaveLength(3);
  monitor.started[0]!.end();
  await clock.advance(2000);
  expect(monitor.started).toHaveLength(2);
  await scope.close();
  await clock.advance(10_000);
  expect(monitor.started).toHaveLength(2);
  expect(seen).toHaveLength(2);
});

test('stopped in the middle of a change and started again, it goes on for those who listened before', async () => {
  const clock = new FakeClock();
  const answers = { links: LINKS };
  const monitor = fakeMonitor();
  const network = new NetworkObserver({
    clock,
    logger: silentLogger,
    exec: fakeIp(answers, []),
    startProgram: monitor.start,
  });
  const seen: string[][] = [];
  network.onChange(() => seen.push(network.addresses()));
  const first = new Scope();
  await network.start(first);
  monitor.started[0]!.line('changed');
  await first.close();
  const second = new Scope();
  await network.start(second);
  answers.links = LINKS.replace('10.5.0.2', '10.5.0.9');
  monitor.started[1]!.line('changed');
  await clock.advance(100);
  expect(seen).toEqual([['10.5.0.2'], ['10.5.0.9']]);
  await second.close();
});

test('what the node changes is listed at its end; of very much of it the monitor is not heard meanwhile', async () => {
  const clock = new FakeClock();
  const monitor = fakeMonitor();
  const calls: string[] = [];
  const exec = fakeIp({ links: LINKS }, calls);
  const network = new NetworkObserver({ clock, logger: silentLogger, exec, startProgram: monitor.start });
  const scope = new Scope();
  await network.start(scope);
  await clock.advance(100);
  calls.length = 0;
  const heard: boolean[] = [];
  let told = 0;
  network.onChange(() => {
    if (!network.isChanging) told++;
  });
  const change = async () => {
    monitor.started[0]!.line('changed');
    await clock.advance(1000);
    heard.push(monitor.started[0]!.isRead);
  };
  await network.during(3, change);
  const many = network.during(11_000, change);
  await vi.waitFor(() => expect(heard).toHaveLength(2));
  // What was left in the pipe does not make a listing of its own.
  for (let line = 0; line < 3; line++) {
    monitor.started[0]!.line('changed');
    await clock.advance(40);
  }
  await clock.advance(1000);
  await many;
  heard.push(monitor.started[0]!.isRead);
  // A listing is three calls.
  expect({ heard, told, calls: calls.length }).toEqual({ heard: [true, false, true], told: 2, calls: 6 });
  await scope.close();
});

test('without iproute2 the network is read from /proc, and again now and then', async () => {
  const clock = new FakeClock();
  const scope = new Scope();
  const links = parseLinks(LINKS);
  let reads = 0;
  const network = new NetworkObserver({
    clock,
    logger: silentLogger,
    exec: async () => ({ failed: true, errorCode: 'ENOENT' }) as ExecResult,
    readFromProc: async () => ({ links: links.slice(0, ++reads), routes: [] }),
  });
  await network.start(scope);
  expect(network.snapshot.links.map(link => link.name)).toEqual(['lo']);
  await clock.advance(5000);
  expect(network.snapshot.links.map(link => link.name)).toEqual(['lo', 'eth0']);
  await scope.close();
});

test('what /proc says of routes, and of this machine', async () => {
  expect(
    parseRoutes4(
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t7\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n',
    ),
  ).toMatchObject([
    { destination: '0.0.0.0/0', gateway: '192.0.2.1', metric: 7, protocol: 3, scope: 0 },
    { destination: '192.0.2.0/24', gateway: '', metric: 0, protocol: 2, scope: 253 },
  ]);
  expect(
    parseRoutes6(
      '00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n',
    ),
  ).toMatchObject([
    { link: 'eth0', destination: '::/0', gateway: 'fd00::1', metric: 1024, table: 254 },
    { link: 'lo', destination: '::1/128', gateway: '', metric: 0, table: 255 },
  ]);
  const { links, routes } = await readNetworkFromProc();
  expect(links.find(link => link.name === 'lo')).toMatchObject({
    mtu: expect.any(Number),
    flags: 5,
    hardwareAddress: '',
  });
  expect(routes.map(route => route.destination)).toContain('127.0.0.0/8');
});
