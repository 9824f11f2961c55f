import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AddressSpec, addressId } from '../../resources/network/address_spec.ts';
import type { LinkSpec } from '../../resources/network/link_spec.ts';
import { type RouteSpec, routeKey } from '../../resources/network/route_spec.ts';
import { renderOperation } from '../../system/ip-operations.ts';
import { planNetwork } from './plan.ts';
import { ModelKernel } from './testing/model-kernel.ts';
import { NOTHING_OWNED, type Owned, routeIdentity, type Wanted } from './types.ts';

const from = { layer: 'config', path: 'machine.network.interfaces[0]' } as const;
const link = (name: string, change: Partial<LinkSpec> = {}): LinkSpec => ({
  ...from,
  name,
  kind: 'physical',
  up: true,
  mtu: 0,
  ...change,
});
const address = (name: string, text: string): AddressSpec => ({ ...from, link: name, address: text });
const route = (name: string, destination: string, gateway: string, change: Partial<RouteSpec> = {}): RouteSpec => ({
  ...from,
  table: 254,
  destination,
  gateway,
  link: name,
  source: '',
  metric: 10,
  awaitsAddress: false,
  ...change,
});

/** Plans and applies until nothing is left; a second round may only do what waited for a proven IPv6 address. */
function converge(kernel: ModelKernel, wanted: Wanted, before: Owned): { owned: Owned; lines: string[][] } {
  let owned = before;
  const lines: string[][] = [];
  for (let round = 0; round < 3; round++) {
    const plan = planNetwork(wanted, kernel.snapshot(), owned);
    expect(kernel.apply(plan.operations)).toEqual([]);
    kernel.settleAddresses();
    owned = plan.owned;
    if (plan.operations.length === 0) return { owned, lines };
    if (round > 0)
      expect(plan.operations.every(step => step.kind === 'add-route' && step.source.includes(':'))).toBe(true);
    lines.push(plan.operations.map(renderOperation));
  }
  throw new Error(`no rest: ${JSON.stringify(lines)}`);
}

describe('plans', () => {
  test('a bond with a VLAN, live changes of both, and the way back', () => {
    const kernel = new ModelKernel();
    kernel.addLink('eth0', { isUp: true, addresses: new Map([['192.168.1.2/24', false]]) });
    kernel.addLink('eth1', { isUp: true });
    const bond = (mode: string, members: string[]) =>
      link('bond0', { kind: 'bond', mtu: 9000, bond: { members, options: { mode, miimon: '100' } } });
    const wanted: Wanted = {
      links: [link('bond0.7', { kind: 'vlan', vlan: { parent: 'bond0', id: 7 } }), bond('802.3ad', ['eth1'])],
      addresses: [address('bond0.7', '10.0.0.2/24'), address('bond0', 'fd00::2/64')],
      routes: [
        route('bond0.7', '0.0.0.0/0', '172.16.0.1', { source: '10.0.0.2' }),
        route('bond0.7', '172.16.0.1/32', '', { source: '10.0.0.2' }),
        route('bond0', '::/0', 'fd00::1', { source: 'fd00::2' }),
      ],
    };
    const first = converge(kernel, wanted, NOTHING_OWNED);
    expect(first.lines).toEqual([
      [
        'link add name bond0 type bond mode 802.3ad miimon 100',
        'link add link bond0 name bond0.7 type vlan id 7',
        'link set dev eth1 down',
        'link set dev eth1 master bond0',
        'link set dev bond0 mtu 9000',
        'link set dev bond0 up',
        'link set dev bond0.7 up',
        'addr add 10.0.0.2/24 brd + dev bond0.7',
        'addr add fd00::2/64 dev bond0',
        'route add 172.16.0.1/32 scope link dev bond0.7 proto boot src 10.0.0.2 metric 10',
        'route add 0.0.0.0/0 via 172.16.0.1 dev bond0.7 proto boot src 10.0.0.2 metric 10',
      ],
      ['route add ::/0 via fd00::1 dev bond0 proto boot src fd00::2 metric 10'],
    ]);
    const second = converge(
      kernel,
      { ...wanted, links: [wanted.links[0]!, bond('active-backup', ['eth1'])] },
      first.owned,
    );
    expect(second.lines).toEqual([
      [
        'link set dev bond0 down',
        'link set dev eth1 nomaster',
        'link set dev bond0 type bond mode active-backup',
        'link set dev eth1 master bond0',
        'link set dev bond0 up',
        'link set dev bond0.7 up',
        'addr add fd00::2/64 dev bond0',
        'route add 172.16.0.1/32 scope link dev bond0.7 proto boot src 10.0.0.2 metric 10',
        'route add 0.0.0.0/0 via 172.16.0.1 dev bond0.7 proto boot src 10.0.0.2 metric 10',
      ],
      ['route add ::/0 via fd00::1 dev bond0 proto boot src fd00::2 metric 10'],
    ]);
    const last = converge(kernel, { links: [], addresses: [], routes: [] }, second.owned);
    expect(last.lines).toEqual([
      [
        'route del 172.16.0.1/32 scope link dev bond0.7 proto boot metric 10',
        'route del 0.0.0.0/0 via 172.16.0.1 dev bond0.7 proto boot metric 10',
        'route del ::/0 via fd00::1 dev bond0 proto boot metric 10',
        'addr del 10.0.0.2/24 dev bond0.7',
        'addr del fd00::2/64 dev bond0',
        'link set dev eth1 nomaster',
        'link del dev bond0.7',
        'link del dev bond0',
      ],
    ]);
    expect([...kernel.links.keys()]).toEqual(['eth0', 'eth1']);
    expect(last.owned).toEqual(NOTHING_OWNED);
  });

  test('what is missing is named with the place that asks for it, and the rest is done', () => {
    const kernel = new ModelKernel();
    kernel.addLink('eth0', { mtu: 1400 });
    const wanted: Wanted = {
      links: [
        link('eth0', { mtu: 1500 }),
        link('eth9', { path: 'machine.network.interfaces[1]' }),
        link('bond0', {
          kind: 'bond',
          bond: { members: ['eth8'], options: {} },
          path: 'machine.network.interfaces[2]',
        }),
      ],
      addresses: [address('eth9', '10.0.0.1/24'), address('eth0', '10.0.0.2/24')],
      routes: [route('eth9', '0.0.0.0/0', '10.0.0.9')],
    };
    const plan = planNetwork(wanted, kernel.snapshot(), NOTHING_OWNED);
    expect(plan.problems).toEqual([
      {
        message: 'error creating nic "eth9": unknown device type: no link has this name',
        cause: 'machine.network.interfaces[1]',
      },
      { message: 'bond subinterface eth8 does not exist', cause: 'machine.network.interfaces[2]' },
    ]);
    expect(plan.operations.map(renderOperation)).toEqual([
      'link add name bond0 type bond',
      'link set dev eth0 mtu 1500',
      'link set dev eth0 up',
      'link set dev bond0 up',
      'addr add 10.0.0.2/24 brd + dev eth0',
    ]);
    kernel.apply(plan.operations);
    const back = planNetwork({ links: [link('eth0')], addresses: [], routes: [] }, kernel.snapshot(), plan.owned);
    expect(back.operations.map(renderOperation)).toEqual([
      'addr del 10.0.0.2/24 dev eth0',
      'link del dev bond0',
      'link set dev eth0 mtu 1400',
    ]);
  });
});

const NICS = ['eth0', 'eth1', 'eth2', 'eth3'];
const NETS = ['10.0.0', '10.0.1', '10.1.0'];
const addressText = fc.oneof(
  fc.tuple(fc.constantFrom(...NETS), fc.integer({ min: 1, max: 4 })).map(([net, host]) => `${net}.${host}/24`),
  fc.integer({ min: 1, max: 4 }).map(host => `fd00::${host}/64`),
);
const optionsOf = fc.record({
  mode: fc.constantFrom('balance-rr', 'active-backup', '802.3ad'),
  miimon: fc.constantFrom('0', '100'),
});
const linksArbitrary = fc
  .record({
    nics: fc.subarray(NICS),
    members: fc.subarray(['eth2', 'eth3']),
    bond: fc.boolean(),
    options: optionsOf,
    vlans: fc.subarray(['eth0.10', 'eth1.10', 'bond0.20']),
    dummy: fc.boolean(),
    wireguard: fc.boolean(),
    mtu: fc.constantFrom(0, 1400, 9000),
  })
  .map(({ nics, members, bond, options, vlans, dummy, wireguard, mtu }) => {
    const free = nics.filter(name => !bond || !members.includes(name));
    const links = free.map((name, index) => link(name, index === 0 ? { mtu } : {}));
    if (bond) links.push(link('bond0', { kind: 'bond', bond: { members, options } }));
    if (dummy) links.push(link('dummy0', { kind: 'dummy' }));
    if (wireguard) links.push(link('wg0', { kind: 'wireguard' }));
    const names = new Set(links.map(({ name }) => name));
    for (const name of vlans) {
      const [parent = '', id] = name.split('.');
      if (names.has(parent)) links.unshift(link(name, { kind: 'vlan', vlan: { parent, id: Number(id) } }));
    }
    return links;
  });
const wantedArbitrary: fc.Arbitrary<Wanted> = linksArbitrary.chain((links): fc.Arbitrary<Wanted> => {
  if (links.length === 0) return fc.constant<Wanted>({ links, addresses: [], routes: [] });
  const names = links.map(({ name }) => name);
  const addresses = fc.uniqueArray(
    fc.tuple(fc.constantFrom(...names), addressText).map(([name, text]) => address(name, text)),
    { selector: addressId, maxLength: 8 },
  );
  return addresses.chain(list => {
    const one = fc
      .record({
        on: fc.nat(),
        net: fc.nat({ max: 5 }),
        metric: fc.constantFrom(10, 20),
        onLink: fc.boolean(),
        bare: fc.boolean(),
      })
      .map(({ on, net, metric, onLink, bare }) => {
        const spec = list[on % list.length]!;
        const isIpv6 = spec.address.includes(':');
        const gateway = isIpv6 ? 'fd00::99' : `${spec.address.split('.').slice(0, 3).join('.')}.99`;
        const destination = isIpv6 ? `fd0${net}:1::/64` : net === 0 ? '0.0.0.0/0' : `172.16.${net}.0/24`;
        const source = bare ? '' : spec.address.split('/')[0]!;
        return route(spec.link, destination, onLink ? '' : gateway, { source, metric });
      });
    const routes =
      list.length === 0 ? fc.constant<RouteSpec[]>([]) : fc.uniqueArray(one, { selector: routeKey, maxLength: 8 });
    return routes.map(found => ({ links, addresses: list, routes: found }));
  });
});

/** What others do to the network, by chance. */
type Foreign = { kind: 'address' | 'route' | 'link' | 'remove' | 'down'; on: number; which: number };
const foreignArbitrary: fc.Arbitrary<Foreign[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('address', 'route', 'link', 'remove', 'down'),
    on: fc.nat({ max: 20 }),
    which: fc.integer({ min: 5, max: 8 }),
  }),
  { maxLength: 8 },
);

function meddle(kernel: ModelKernel, deeds: readonly Foreign[]): void {
  for (const { kind, on, which } of deeds) {
    const names = [...kernel.links.keys()];
    const name = names[on % names.length]!;
    const target = { cause: 'foreign' };
    if (kind === 'address')
      kernel.apply([{ ...target, kind: 'add-address', link: name, address: `10.9.0.${which}/24` }]);
    if (kind === 'link') kernel.apply([{ ...target, kind: 'create-link', name: `f${which}`, link: { type: 'dummy' } }]);
    if (kind === 'down') kernel.apply([{ ...target, kind: 'down', name }]);
    if (kind === 'route') {
      const change = { gateway: '', source: '', metric: on % 2 ? 10 : 5, table: on % 3 ? 254 : 100 };
      kernel.apply([{ ...target, kind: 'add-route', link: name, destination: `172.16.${which - 4}.0/24`, ...change }]);
    }
    if (kind === 'remove' && !NICS.includes(name)) kernel.apply([{ ...target, kind: 'delete-link', name }]);
    if (kind === 'remove') {
      const [first] = kernel.links.get(name)?.addresses.keys() ?? [];
      if (first !== undefined) kernel.apply([{ ...target, kind: 'delete-address', link: name, address: first }]);
    }
  }
}

function foreignOf(kernel: ModelKernel, owned: Owned, wanted: Wanted): string[] {
  // What stands on links that fall for a while is the kernel's to drop.
  const falls = new Set(
    wanted.links.flatMap(spec => (spec.bond ? [spec.name, `${spec.name}.20`, ...spec.bond.members] : [])),
  );
  for (const pair of owned.members) falls.add(pair.split(' ')[0]!);
  const isSteady = (name: string) =>
    !falls.has(name) && !owned.links.has(name) && !owned.links.has(name.split('.')[0]!);
  const links = [...kernel.links.keys()].filter(name => !owned.links.has(name) && !name.startsWith('bond0'));
  const addresses = [...kernel.links].flatMap(([name, { addresses: own }]) =>
    [...own.keys()].map(text => ({ link: name, address: text })),
  );
  return [
    ...links.filter(isSteady),
    ...addresses.filter(item => isSteady(item.link) && !owned.addresses.has(addressId(item))).map(addressId),
    ...kernel.routes
      .filter(item => isSteady(item.link) && !owned.routes.has(routeIdentity(item)))
      .map(item => `route ${routeIdentity(item)}`),
  ];
}

function stateOf(kernel: ModelKernel): Set<string> {
  return new Set([
    ...kernel.links.keys(),
    ...[...kernel.links].flatMap(([name, { addresses }]) => [...addresses.keys()].map(text => `${name}/${text}`)),
    ...kernel.routes.map(item => `route ${routeIdentity(item)}`),
  ]);
}

function expectReached(kernel: ModelKernel, wanted: Wanted): void {
  for (const spec of wanted.links) {
    const found = kernel.links.get(spec.name)!;
    expect({ name: spec.name, isUp: found.isUp }).toEqual({ name: spec.name, isUp: true });
    if (spec.mtu > 0) expect(found.mtu).toBe(spec.mtu);
    if (spec.bond) expect(found.options).toMatchObject(spec.bond.options);
    for (const member of spec.bond?.members ?? []) expect(kernel.links.get(member)!.master).toBe(spec.name);
  }
  const state = stateOf(kernel);
  for (const spec of wanted.addresses) expect(state).toContain(addressId(spec));
  const keys = new Set(kernel.routes.map(routeKey));
  for (const spec of wanted.routes) expect(keys).toContain(routeKey(spec));
}

test('property: any wanted network is reached from any other, a second plan is empty, foreign things stay', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(foreignArbitrary, wantedArbitrary), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      (steps, ups) => {
        const kernel = new ModelKernel();
        NICS.forEach((name, index) => {
          kernel.addLink(name, { isUp: ups[index]! });
        });
        let owned = NOTHING_OWNED;
        for (const [deeds, wanted] of steps) {
          meddle(kernel, deeds);
          const foreign = foreignOf(kernel, owned, wanted);
          owned = converge(kernel, wanted, owned).owned;
          expectReached(kernel, wanted);
          const state = stateOf(kernel);
          expect(foreign.filter(item => !state.has(item))).toEqual([]);
        }
        converge(kernel, { links: [], addresses: [], routes: [] }, owned);
      },
    ),
    { numRuns: 600 },
  );
});
