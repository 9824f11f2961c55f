import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith, virtualMachines } from './support/requires.ts';
import { until } from './support/until.ts';
import type { Vm, VmSocket } from './support/vm.ts';
import { VmBed } from './support/vm-bed.ts';

interface WireguardKey {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** What comes back within a second on a machine; emulated ones are slow and share the host. */
const REPAIR_SECONDS = 15;
const STATIONS = [2, 3] as const;

/** Everything that the guides configure, on one machine; `other` is the station of the other one. */
function interfacesOf(
  station: number,
  other: number,
  lan: (station: number) => string,
  keys: Record<number, WireguardKey>,
) {
  return [
    {
      interface: 'eth0',
      cidr: `${lan(station)}/24`,
      mtu: 1400,
      routes: [{ network: '10.77.0.0/16', gateway: lan(1), metric: 50 }],
      vlans: [
        { vlanId: 20, cidr: `10.20.0.${station}/28`, routes: [{ network: '10.78.0.0/16', gateway: '10.20.0.1' }] },
      ],
    },
    { interface: 'lo0', cidr: '192.168.0.21/24' },
    { interface: 'lo0', cidr: '10.2.2.2/24' },
    {
      interface: 'bond0',
      cidr: `10.30.0.${station}/24`,
      bond: {
        ...{ mode: '802.3ad', lacpRate: 'fast', xmitHashPolicy: 'layer3+4', miimon: 100, updelay: 200, downdelay: 200 },
        interfaces: ['eth1', 'eth2'],
      },
      vlans: [{ vlanId: 100, cidr: `10.31.0.${station}/24` }],
    },
    { interface: 'eth3', ignore: true },
    { interface: 'dummy5', dummy: true, cidr: `10.40.0.${station}/32` },
    {
      interface: 'wg0',
      mtu: 1380,
      cidr: `192.168.2.${station}/24`,
      wireguard: {
        privateKey: keys[station]!.privateKey,
        listenPort: 51820,
        peers: [
          {
            allowedIPs: ['192.168.2.0/24'],
            endpoint: `${lan(other)}:51820`,
            publicKey: keys[other]!.publicKey,
            persistentKeepaliveInterval: '5s',
          },
        ],
      },
    },
  ];
}

describeWith(virtualMachines, 'the network of two machines', () => {
  let bed: VmBed;
  let one: Vm;
  let two: Vm;
  const keys: Record<number, WireguardKey> = {};
  const lan = (station: number) => bed.lan.address(station);

  beforeAll(async () => {
    bed = await VmBed.create();
    for (const station of STATIONS) keys[station] = wireguardKey();
    const [first, second] = await Promise.all(
      STATIONS.map(station => {
        const interfaces = interfacesOf(station, 5 - station, lan, keys);
        return bed.start({ station, interfaces, cards: ['lan', ...cables(station), 'lan'] });
      }),
    );
    one = first!;
    two = second!;
  }, 1_200_000);
  afterAll(() => bed?.remove());

  /** Cards 1 and 2 of both machines are joined by a cable each. */
  function cables(station: number): VmSocket[] {
    const end = (card: number, at: number) => bed.path(`cable${card}-${at}`);
    return [1, 2].map(card => ({ here: end(card, station), there: end(card, 5 - station) }));
  }

  const ping = (from: Vm, address: string) =>
    until(
      () => from.run(`busybox ping -c 1 -W 5 ${address} || true`),
      output => output.includes('1 packets received'),
    );
  const read = (vm: Vm, path: string) => bed.ctl.output(vm.address, 'read', path);
  const rows = async (vm: Vm, kind: string) => (await bed.ctl.output(vm.address, 'get', kind)).split('\n');

  test('every address is there, with its MTU, on the link that it was given to', async () => {
    const wanted = ['lo/192.168.0.21/24', 'lo/10.2.2.2/24', 'eth0/10.5.0.2/24', 'eth0.20/10.20.0.2/28'];
    wanted.push('bond0/10.30.0.2/24', 'bond0.100/10.31.0.2/24', 'dummy5/10.40.0.2/32', 'wg0/192.168.2.2/24');
    const table = await until(
      () => one.run('ip -o -4 addr show'),
      text => wanted.every(each => text.includes(`${each.replace('/', '    inet ')} `)),
    );
    expect(table).not.toMatch(/eth[123] /);
    expect(await one.run('cat /sys/class/net/eth0/mtu /sys/class/net/wg0/mtu')).toBe('1400\n1380\n');
    expect(await one.run('ip route show 10.77.0.0/16; ip route show 10.78.0.0/16')).toBe(
      '10.77.0.0/16 via 10.5.0.1 dev eth0 src 10.5.0.2 metric 50 \n10.78.0.0/16 via 10.20.0.1 dev eth0.20 src 10.20.0.2 metric 10 \n',
    );
    expect(await bed.ctl.output(one.address, 'interfaces')).toMatch(/ bond0\.100 .* 10\.31\.0\.2\/24/);
    expect((await rows(one, 'links')).find(row => row.includes(' wg0 '))).toMatch(/wireguard .* config/);
  });

  test('LACP: both ends of both cables are in one aggregator', async () => {
    const state = await until(
      () => read(one, '/proc/net/bonding/bond0'),
      text => /Number of ports: 2$/m.test(text) && !text.includes('Partner Mac Address: 00:00:00:00:00:00'),
    );
    expect(state).toContain('Bonding Mode: IEEE 802.3ad Dynamic link aggregation');
    expect(state).toContain('Transmit Hash Policy: layer3+4 (1)');
    expect(state).toMatch(/Slave Interface: eth1\nMII Status: up\nSpeed: 1000 Mbps\nDuplex: full/);
    await ping(one, '10.30.0.3');
  });

  test('a VLAN on a card and one on a bond carry traffic', async () => {
    await ping(one, '10.20.0.3');
    await ping(two, '10.31.0.2');
    expect(await read(one, '/proc/net/vlan/bond0.100')).toContain('VID: 100');
  });

  test('WireGuard carries traffic, and `wg show` says what the guide shows', async () => {
    await ping(one, '192.168.2.3');
    const shown = await one.run('wg show');
    expect(shown.replace(/(handshake|transfer): .*/g, '$1: …')).toBe(
      [
        'interface: wg0',
        `  public key: ${keys[2]!.publicKey}`,
        '  private key: (hidden)',
        '  listening port: 51820',
        '',
        `peer: ${keys[3]!.publicKey}`,
        '  endpoint: 10.5.0.3:51820',
        '  allowed ips: 192.168.2.0/24',
        '  latest handshake: …',
        '  transfer: …',
        '  persistent keepalive: every 5 seconds',
        '',
      ].join('\n'),
    );
    const links = await bed.ctl.output(one.address, 'get', 'links', '-o', 'yaml');
    for (const { privateKey } of Object.values(keys)) expect(`${links}${one.console}`).not.toContain(privateKey);
  });

  test.each([
    ['an address', 'ip addr del 10.31.0.2/24 dev bond0.100', 'ip addr show dev bond0.100 | grep -q 10.31.0.2/24'],
    ['a route', 'ip route del 10.77.0.0/16', 'ip route show | grep -q "^10.77.0.0/16 via"'],
    ['all addresses of a card', 'ip addr flush dev eth0', 'ip addr show dev eth0 | grep -q 10.5.0.2/24'],
    ['a dummy link', 'ip link del dummy5', 'ip addr show dev dummy5 2>&1 | grep -q 10.40.0.2/32'],
    ['a VLAN', 'ip link del eth0.20', 'ip route show | grep -q "^10.78.0.0/16 via 10.20.0.1"'],
    [
      'a tunnel',
      'ip link del wg0',
      'wg show wg0 endpoints 2>&1 | grep -q 10.5.0.3 && ip addr show dev wg0 | grep -q 192.168.2.2/24',
    ],
    ['a member of the bond', 'ip link set eth1 nomaster', 'ip link show dev eth1 | grep -q "master bond0"'],
    ['a card that was turned off', 'ip link set eth0 down', 'ip route show | grep -q "^10.77.0.0/16 via"'],
  ])('%s comes back', async (_, disturbance, isBack) => {
    // Measured in the machine: neither the host nor the channel is part of it.
    const took = await one.run(
      `at() { cut -d' ' -f1 /proc/uptime; }
       began=$(at); ${disturbance}; for i in $(seq 1000); do if ${isBack}; then echo "$began $(at)"; exit; fi; done
       ip addr; ip route; exit 1`,
      120_000,
    );
    const [began = Number.NaN, ended = Number.NaN] = took.split(' ').map(Number);
    expect(ended - began).toBeLessThan(REPAIR_SECONDS);
  });

  test('what somebody else added stays, what the config loses goes', async () => {
    await one.run(
      'ip addr add 10.50.0.1/32 dev dummy5; ip route add 10.51.0.0/16 via 10.5.0.1; ip link add other type dummy',
    );
    const kept = interfacesOf(2, 3, lan, keys).filter(({ interface: name }) => name !== 'wg0' && name !== 'dummy5');
    const dummy = { interface: 'dummy5', dummy: true, cidr: '10.40.1.2/32' };
    await bed.apply(one, { interfaces: [...kept, dummy] });
    const state = await until(
      () => one.run('ip -br addr; ip route'),
      text => text.includes('10.40.1.2/32') && !text.includes('wg0'),
    );
    expect(state).not.toContain('10.40.0.2/32');
    for (const text of ['10.50.0.1/32', '10.51.0.0/16 via 10.5.0.1', 'other ']) expect(state).toContain(text);
    expect(await bed.ctl.output(one.address, 'version')).toContain('NODE:');
  });
});

/** As `wg genkey` and `wg pubkey` make it. */
function wireguardKey(): WireguardKey {
  const { d = '', x = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const text = (part: string) => Buffer.from(part, 'base64url').toString('base64');
  return { privateKey: text(d), publicKey: text(x) };
}
