import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TestLan, type TestStation } from './support/netns.ts';
import { TestNetworkd } from './support/networkd.ts';
import { Cleanup } from './support/node.ts';
import { RunningProcess } from './support/process.ts';
import { describeWith, program, rootUser } from './support/requires.ts';
import { until } from './support/until.ts';

const NEEDS = [rootUser, program('ip')];
/** Time in which what is ours comes back (1 s), five times, since the host is shared. */
const REPAIR = 5000;

/** Guide 1, and what only lo and two cards are needed for. */
const NETWORK = {
  interfaces: [
    {
      interface: 'eth0',
      cidr: '10.5.0.2/24',
      mtu: 1400,
      routes: [
        { network: '10.77.0.0/16', gateway: '10.5.0.1', metric: 50 },
        { network: '0.0.0.0/0', gateway: '10.5.0.1' },
      ],
    },
    { interface: 'eth0', cidr: 'fd00:5::2/64', routes: [{ network: 'fd00:77::/64', gateway: 'fd00:5::1' }] },
    { interface: 'lo0', cidr: '192.168.0.21/24' },
    { interface: 'eth1', ignore: true },
  ],
};

describeWith(NEEDS, 'networkd on a real kernel', () => {
  const cleanup = new Cleanup();
  let lan: TestLan;
  let station: TestStation;
  let networkd: TestNetworkd;
  let folder: string;

  beforeAll(async () => {
    lan = cleanup.add(await TestLan.create(), each => each.remove());
    station = await lan.station(2);
    folder = await cleanup.folder('networkd');
    networkd = await TestNetworkd.start(station, folder);
    cleanup.add(undefined, () => networkd.stop());
  });
  afterAll(() => cleanup.run());

  const state = async () =>
    `${await station.ip('-br', 'addr')}${await station.ip('route')}${await station.ip('-6', 'route')}`;
  const has = (...texts: string[]) => until(state, text => texts.every(each => text.includes(each)), REPAIR);

  test('a config becomes the network, and turns without a change do nothing', async () => {
    const from = await networkd.use(NETWORK);
    await has('10.5.0.2/24', '192.168.0.21/24', 'fd00:5::2/64', '10.77.0.0/16 via 10.5.0.1 dev eth0', 'fd00:77::/64');
    expect(await station.ip('route', 'show', 'proto', 'boot')).toBe(
      'default via 10.5.0.1 dev eth0 src 10.5.0.2 metric 10 \n10.77.0.0/16 via 10.5.0.1 dev eth0 src 10.5.0.2 metric 50 \n',
    );
    expect(await station.ip('-br', 'link', 'show', 'eth1')).toMatch(/DOWN/);
    const applied = networkd.ranSince(from).filter(line => line.includes('-force'));
    const again = await networkd.use({ ...NETWORK, extraHostEntries: [{ ip: '10.5.0.9', aliases: ['nine'] }] });
    await until(
      () => networkd.file('hosts'),
      text => text.endsWith('\n10.5.0.9 nine\n'),
    );
    expect(networkd.ranSince(again).filter(line => line.includes('-force'))).toEqual([]);
    expect(applied.length).toBeGreaterThan(0);
    expect(networkd.problems).toEqual([]);
  });

  test.each<[string, string[][], string[]]>([
    ['an address', [['addr', 'del', '10.5.0.2/24', 'dev', 'eth0']], ['10.5.0.2/24', 'default via 10.5.0.1']],
    [
      'an IPv6 address',
      [['addr', 'del', 'fd00:5::2/64', 'dev', 'eth0']],
      ['fd00:5::2/64', 'fd00:77::/64 via fd00:5::1'],
    ],
    ['a route', [['route', 'del', '10.77.0.0/16']], ['10.77.0.0/16 via 10.5.0.1']],
    [
      'everything on a card',
      [['addr', 'flush', 'dev', 'eth0']],
      ['10.5.0.2/24', 'fd00:5::2/64', 'default via 10.5.0.1', 'fd00:77::/64 via'],
    ],
    [
      'a card that was turned off',
      [['link', 'set', 'eth0', 'down']],
      ['10.5.0.2/24', 'fd00:5::2/64', 'default via 10.5.0.1', 'fd00:77::/64 via'],
    ],
    ['an MTU', [['link', 'set', 'eth0', 'mtu', '1300']], ['default via 10.5.0.1']],
  ])('%s comes back', async (_, disturbances, texts) => {
    for (const words of disturbances) await station.ip(...words);
    await has(...texts);
    await until(
      () => station.run('cat', '/sys/class/net/eth0/mtu'),
      mtu => mtu === '1400\n',
      REPAIR,
    );
  });

  test('what somebody else made stays, whatever comes and goes beside it', async () => {
    await station.ip('addr', 'add', '10.50.0.1/24', 'dev', 'eth0');
    await station.ip('route', 'add', '10.51.0.0/16', 'via', '10.5.0.1', 'metric', '7');
    await station.ip('link', 'add', 'foreign', 'type', 'bridge');
    const { interfaces } = NETWORK;
    await networkd.use({ interfaces: [{ ...interfaces[0], cidr: '10.5.0.4/24', routes: [] }] });
    await has('10.5.0.4/24');
    const found = await until(state, text => !text.includes('10.5.0.2/24') && !text.includes('192.168.0.21'));
    for (const text of ['10.50.0.1/24', '10.51.0.0/16 via 10.5.0.1 dev eth0 metric 7', 'foreign ']) {
      expect(found).toContain(text);
    }
    for (const text of ['10.77.0.0/16', 'default', 'fd00:5::2']) expect(found).not.toContain(text);
    await networkd.use(NETWORK);
    await has('10.5.0.2/24', '10.77.0.0/16 via 10.5.0.1', '10.51.0.0/16 via 10.5.0.1');
  });

  test('who set each thing is told', async () => {
    const layers = async (type: string, ...ids: string[]) => {
      const shown = await networkd.show(type);
      return ids.map(id => shown.find(each => each.id === id)?.spec['layer']);
    };
    // The kernel has a change before resources tell of it.
    await vi.waitFor(
      async () => {
        expect(await layers('links', 'eth0', 'eth1', 'foreign', 'lo')).toEqual([
          'config',
          'foreign',
          'foreign',
          'config',
        ]);
        expect(
          await layers('addresses', 'eth0/10.5.0.2/24', 'eth0/10.50.0.1/24', 'lo/127.0.0.1/8', 'lo/::1/128'),
        ).toEqual(['config', 'foreign', 'default', 'kernel']);
        expect(await layers('routes', 'eth0/0.0.0.0/0/10', 'eth0/10.51.0.0/16/7', 'eth0/10.5.0.0/24/0')).toEqual([
          'config',
          'foreign',
          'kernel',
        ]);
      },
      { timeout: 30_000, interval: 100 },
    );
  });

  test('what the kernel refuses is told with its line in the config, and the rest is done', async () => {
    const from = await networkd.useText(
      [
        'machine:',
        '  type: init',
        '  token: t',
        '  network:',
        '    interfaces:',
        '      - interface: eth0',
        '        cidr: 10.5.0.2/24',
        '        routes:',
        '          - network: 10.90.0.0/16',
        '            gateway: 172.31.0.1',
        '          - network: 10.91.0.0/16',
        '            gateway: 10.5.0.1',
        '      - interface: eth1',
        '        mtu: 1000000',
        '        cidr: 10.6.0.2/24',
        '      - interface: eth9',
        '        cidr: 10.7.0.2/24',
        'cluster: {}',
        '',
      ].join('\n'),
    );
    await has('10.91.0.0/16 via 10.5.0.1', '10.6.0.2/24');
    await networkd.logged('eth1', from); // the last of them
    const told = networkd.events.slice(from).flatMap(({ error }) => error ?? []);
    expect(told.sort()).toEqual([
      expect.stringMatching(
        /^error configuring nic "eth0": route add 10\.90\.0\.0\/16 via 172\.31\.0\.1 .*: .*gateway.* \(config\.yaml:9:13: machine\.network\.interfaces\[0\]\.routes\[0\]\)$/,
      ),
      expect.stringMatching(
        /^error configuring nic "eth1": link set dev eth1 mtu 1000000: .* \(config\.yaml:13:9: machine\.network\.interfaces\[1\]\)$/,
      ),
      'error creating nic "eth9": unknown device type: no link has this name (config.yaml:16:9: machine.network.interfaces[2])',
    ]);
    // It comes when the card does, as a cable that somebody plugs in.
    await station.ip('link', 'add', 'eth9', 'type', 'veth', 'peer', 'name', 'other9');
    await has('10.7.0.2/24');
  });

  test('neighbours answer ARP and neighbour discovery, also when the kernel knew them before, and others do not', async () => {
    await networkd.use(NETWORK);
    await has('10.5.0.2/24', 'fd00:5::2/64');
    await lan.ip('addr', 'add', 'fd00:5::1/64', 'dev', 'lan', 'nodad');
    const linkLocal = /inet6 (fe80::[0-9a-f:]+)/.exec(await lan.ip('addr', 'show', 'lan'))?.[1] ?? '';
    for (const address of ['10.5.0.1', 'fd00:5::1', linkLocal]) {
      await until(
        () => networkd.answers('eth0', address),
        answers => answers,
      );
    }
    expect(await networkd.answers('eth0', '10.5.0.99')).toBe(false);
    expect(await networkd.answers('eth0', 'fd00:5::99')).toBe(false);
    await lan.ip('link', 'set', 'lan', 'down');
    expect(await networkd.answers('eth0', '10.5.0.1')).toBe(false);
    await lan.ip('link', 'set', 'lan', 'up');
  });

  test('an agent that dies and comes back takes nothing away, and still knows what is its own', async () => {
    await networkd.use(NETWORK);
    await has('10.5.0.2/24', '10.77.0.0/16 via 10.5.0.1');
    await networkd.kill();
    networkd = await TestNetworkd.start(station, folder, { config: NETWORK });
    expect(networkd.events.flatMap(({ info }) => (info?.startsWith('changing the network') ? info : []))).toEqual([]);
    await networkd.use({ interfaces: [{ interface: 'eth0', cidr: '10.5.0.5/24' }] });
    await until(
      state,
      text => text.includes('10.5.0.5/24') && !text.includes('10.5.0.2/24') && !text.includes('10.77'),
    );
  });
});

describeWith([...NEEDS, ...['arping', 'busybox', 'tcpdump'].map(program)], 'a shared address', () => {
  const cleanup = new Cleanup();
  const networkds: TestNetworkd[] = [];
  const stations: TestStation[] = [];
  let lan: TestLan;
  let bridge: RunningProcess;
  const VIP = '10.5.0.15';

  beforeAll(async () => {
    lan = cleanup.add(await TestLan.create(), each => each.remove());
    for (const number of [2, 3]) {
      const station = await lan.station();
      stations.push(station);
      const started = await TestNetworkd.start(station, await cleanup.folder('vip'));
      networkds.push(cleanup.add(started, each => each.stop()));
      const from = await started.use({
        interfaces: [{ interface: 'eth0', cidr: `10.5.0.${number}/24`, vip: { ip: VIP } }],
      });
      await started.logged(`addr add 10.5.0.${number}/24`, from);
    }
    const [first, ...words] = lan.command('tcpdump', '-n', '-e', '-l', '-i', 'lan', 'arp', 'and', 'host', VIP);
    bridge = cleanup.add(new RunningProcess(first, words), each => each.stop('SIGKILL'));
    await bridge.waitFor(({ stderr }) => stderr.includes('listening on'));
  });
  afterAll(() => cleanup.run());

  const holders = async () => {
    const shown = await Promise.all(networkds.map(each => each.show('addresses')));
    return shown.map(list => list.some(({ id }) => id === `eth0/${VIP}/32`));
  };
  const ping = () => lan.run('busybox', 'ping', '-c', '1', '-W', '2', VIP);

  test('moves from one machine to the other on order, and the bridge sees both announcements', async () => {
    expect(await holders()).toEqual([false, false]);
    await networkds[0]!.vip('eth0', 'take');
    expect(await holders()).toEqual([true, false]);
    await ping();
    await networkds[0]!.vip('eth0', 'release');
    await networkds[1]!.vip('eth0', 'take');
    expect(await holders()).toEqual([false, true]);
    await ping();
    // Each as request and as reply, from the card that has the address then.
    for (const station of stations) {
      const mac = (await station.run('cat', '/sys/class/net/eth0/address')).trim();
      const from = new RegExp(`${mac} > ff:ff:ff:ff:ff:ff.*`, 'g');
      await bridge.waitFor(({ stdout }) => {
        const frames = stdout.match(from) ?? [];
        return (
          frames.some(each => each.includes(`Request who-has ${VIP}`)) &&
          frames.some(each => each.includes(`Reply ${VIP} is-at ${mac}`))
        );
      });
    }
  });

  test('comes back when somebody removes it, is announced again, and is given up when the agent ends', async () => {
    const seen = bridge.stdout.length;
    await stations[1]!.ip('addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    await until(holders, ([, second]) => second === true);
    await bridge.waitFor(({ stdout }) => stdout.slice(seen).includes(`Reply ${VIP} is-at`));
    await networkds[1]!.stop();
    expect(await stations[1]!.ip('-br', 'addr', 'show', 'dev', 'eth0')).not.toContain(VIP);
  });
});
