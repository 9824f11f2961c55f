import { expect, test } from 'vitest';
import type { NetworkConfig } from '../config/schema/network.ts';
import { AF_INET, type LinkSnapshot, type NetworkSnapshot, type RouteSnapshot } from '../system/network-snapshot.ts';
import { hopTo, touchedWays } from './ways.ts';

const link = (index: number, name: string, details: object = {}): LinkSnapshot => ({
  ...{ index, name, mtu: 1500, hardwareAddress: '', flags: 1, operationalState: 'UP', addresses: [] },
  details: { kind: '', master: '', parent: '', vlanId: 0, bond: {}, hasCarrier: true, ...details },
});
const route = (
  name: string,
  destination: string,
  gateway = '',
  change: Partial<RouteSnapshot> = {},
): RouteSnapshot => ({
  ...{ family: AF_INET, link: name, destination, gateway, source: '', sourceLength: 0, metric: 0, scope: 0 },
  ...{ protocol: 3, flags: 0, table: 254, ...change },
});
const snapshot: NetworkSnapshot = {
  links: [
    link(1, 'lo'),
    link(2, 'eth0', { master: 'bond0' }),
    link(3, 'bond0'),
    link(4, 'bond0.7', { parent: 'bond0' }),
    link(5, 'eth1'),
  ],
  routes: [
    route('bond0.7', '10.0.0.0/24'),
    route('bond0.7', '0.0.0.0/0', '10.0.0.1', { metric: 10 }),
    route('eth1', '0.0.0.0/0', '10.1.0.1', { metric: 20 }),
    route('eth1', '10.1.0.0/24'),
    route('eth1', '10.9.0.0/16', '10.1.0.9', { flags: 1 }),
    route('lo', '10.0.0.2/32', '', { table: 255 }),
  ],
};
/** On the VLAN's link, behind its gateway, on the other card. */
const ways = [
  { peer: '10.0.0.3', local: '10.0.0.2' },
  { peer: '192.168.1.1', local: '10.0.0.2' },
  { peer: '10.1.0.3', local: '10.1.0.2' },
];
const before: NetworkConfig = {
  interfaces: [
    {
      interface: 'bond0',
      bond: { interfaces: ['eth0'], mode: 'active-backup' },
      vlans: [{ vlanId: 7, cidr: '10.0.0.2/24', routes: [{ network: '0.0.0.0/0', gateway: '10.0.0.1' }] }],
    },
    { interface: 'eth1', cidr: '10.1.0.2/24', routes: [{ network: '0.0.0.0/0', gateway: '10.1.0.1', metric: 20 }] },
  ],
};

test('the next step towards a peer is the longest match with the least metric, the peer itself on its link', () => {
  const found = ['10.0.0.3', '192.168.1.1', '10.1.0.3', '10.9.0.1', 'fd00::1', 'x'].map(peer => hopTo(snapshot, peer));
  expect(found).toEqual([
    { link: 'bond0.7', address: '10.0.0.3' },
    { link: 'bond0.7', address: '10.0.0.1' },
    { link: 'eth1', address: '10.1.0.3' },
    { link: 'bond0.7', address: '10.0.0.1' },
    undefined,
    undefined,
  ]);
});

/** The peers whose way a change of the config touches. */
function touched(change: (config: NonNullable<NetworkConfig['interfaces']>) => unknown, rest: NetworkConfig = {}) {
  const interfaces = structuredClone(before.interfaces!) as NonNullable<NetworkConfig['interfaces']>;
  change(interfaces);
  const cmdline = { first: () => undefined, all: () => [] };
  return touchedWays({ before, after: { ...rest, interfaces }, cmdline, snapshot }, ways).map(({ peer }) => peer);
}

test.each<[string, Parameters<typeof touched>[0], string[]]>([
  ['nothing', () => {}, []],
  ['the order of entries', list => list.reverse(), []],
  ['another address beside', list => list.push({ interface: 'eth1', cidr: '172.16.0.1/24' }), []],
  ['a route to elsewhere', list => list[1]!.routes!.push({ network: '172.17.0.0/16', gateway: '10.1.0.7' }), []],
  ['a VLAN beside', list => list[0]!.vlans!.push({ vlanId: 8, cidr: '172.16.0.1/24' }), []],
  ['the address of a peer’s link', list => Object.assign(list[1]!, { cidr: '10.1.0.4/24' }), ['10.1.0.3']],
  [
    'a network that swallows the peer’s',
    list => list.push({ interface: 'eth1', cidr: '10.0.0.9/25' }),
    ['10.0.0.3', '192.168.1.1'],
  ],
  ['the default route', list => Object.assign(list[0]!.vlans![0]!, { routes: [] }), ['192.168.1.1']],
  [
    'a route to a peer',
    list => list[1]!.routes!.push({ network: '192.168.0.0/16', gateway: '10.1.0.7' }),
    ['192.168.1.1'],
  ],
  ['the MTU of the link below', list => Object.assign(list[0]!, { mtu: 1400 }), ['10.0.0.3', '192.168.1.1']],
  [
    'a member of the bond',
    list => Object.assign(list[0]!, { bond: { interfaces: ['eth0', 'eth2'] } }),
    ['10.0.0.3', '192.168.1.1'],
  ],
  ['DHCP on a peer’s link', list => list.push({ interface: 'eth1', dhcp: true }), ['10.1.0.3']],
  ['a link that is ignored', list => Object.assign(list[1]!, { ignore: true }), ['10.1.0.3']],
])('%s', (_, change, peers) => {
  expect(touched(change).sort()).toEqual([...peers].sort());
});
