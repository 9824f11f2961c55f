import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TalosdError } from '../../lib/errors.ts';
import { type DhcpReport, DhcpReportReader } from '../../system/dhcp-reports.ts';
import { readLease4, readLease6 } from './lease.ts';
import { leaseOutputs } from './outputs.ts';

const values = (record: Record<string, string>) => new Map(Object.entries(record));

const ACK = {
  ip: '10.5.0.7',
  subnet: '255.255.255.0',
  serverid: '10.5.0.1',
  lease: '300',
  router: '10.5.0.1 10.5.0.254',
  dns: '10.5.0.1 9.9.9.9 10.5.0.1',
  hostname: 'node-7.lab.example',
  mtu: '1400',
};

test('what a server gives becomes addresses, routes, resolvers and a name of the layer dhcp', () => {
  const lease = readLease4(
    values({ ...ACK, domain: 'ex.ample', staticroutes: '10.9.0.9/16 10.5.0.9 0.0.0.0/0 0.0.0.0' }),
  );
  const spec = { operator: 'dhcp4', link: 'eth0', routeMetric: 50, layer: 'config', path: 'network' } as const;
  const origin = { layer: 'dhcp', path: 'network' };
  const route = { table: 254, link: 'eth0', source: '10.5.0.7', metric: 50, awaitsAddress: false, ...origin };
  expect(leaseOutputs(spec, lease)).toEqual({
    links: [{ name: 'eth0', kind: 'physical', up: true, mtu: 1400, ...origin }],
    addresses: [{ link: 'eth0', address: '10.5.0.7/24', ...origin }],
    routes: [
      { destination: '10.9.0.0/16', gateway: '10.5.0.9', ...route },
      { destination: '0.0.0.0/0', gateway: '', ...route },
    ],
    resolvers: [{ link: 'eth0', servers: ['10.5.0.1', '9.9.9.9'], ...origin }],
    hostnames: [{ hostname: 'node-7', domain: 'ex.ample', address: '10.5.0.7', link: 'eth0', ...origin }],
  });
});

test('without a mask the class counts, without classless routes the first router, without a name the address', () => {
  const lease = readLease4(values({ ip: '172.20.0.9', router: ACK.router, serverid: '0.0.0.0' }));
  expect(lease).toEqual({
    address: '172.20.0.9/16',
    server: '',
    lifetime: 3_600_000,
    routes: [{ destination: '0.0.0.0/0', gateway: '10.5.0.1' }],
    resolvers: [],
    hostname: '',
    domain: '',
    mtu: 0,
    ignored: [],
  });
  const { routes, hostnames } = leaseOutputs({ operator: 'dhcp4', link: 'e', layer: 'default', path: '' }, lease);
  expect(routes[0]?.metric).toBe(1024);
  expect(hostnames).toEqual([
    { hostname: 'talos-172-20-0-9', domain: '', address: '172.20.0.9', link: 'e', layer: 'default', path: '' },
  ]);
  expect(readLease4(values({ ...ACK, lease: '4294967295' })).lifetime).toBe(Number.POSITIVE_INFINITY);
});

test('options that make no sense are left out by name, an address that is none is an error', () => {
  const odd = {
    subnet: '255.0.255.0',
    dns: '1.2.3',
    mtu: '20',
    hostname: 'a b',
    domain: '../x',
    staticroutes: '10.0.0.0/8',
  };
  expect([...readLease4(values({ ...ACK, ...odd })).ignored].sort()).toEqual(Object.keys(odd).sort());
  for (const ip of ['', '0.0.0.0', '127.0.0.1', '224.1.1.1', '255.255.255.255', 'fd00::1', '10.0.0.1/8'])
    expect(() => readLease4(values({ ...ACK, ip }))).toThrow(TalosdError);
});

test('DHCPv6: the first address, as one host; a refusal and a lease of no time are errors', () => {
  const reply = {
    new_dhcp6_ia_na1_ia_addr1: 'FD00:0::7',
    new_dhcp6_ia_na1_ia_addr1_vltime: '300',
    new_dhcp6_name_servers: 'fd00::1 fd00::2',
    new_dhcp6_fqdn: 'six.lab.example',
    new_dhcp6_server_id: '0001',
  };
  expect(readLease6(values(reply))).toMatchObject({
    address: 'fd00::7/128',
    lifetime: 300_000,
    resolvers: ['fd00::1', 'fd00::2'],
    hostname: 'six',
    domain: 'lab.example',
    ignored: [],
  });
  expect(() => readLease6(values({ ...reply, new_dhcp6_status_code: '2' }))).toThrow('status 2');
  expect(() => readLease6(values({ ...reply, new_dhcp6_ia_na1_ia_addr1_vltime: '0' }))).toThrow('gave');
  expect(() => readLease6(values({}))).toThrow('no address');
});

test('whatever a server says, the result is a lease of proper form or an error', () => {
  const names = Object.keys({ ...ACK, staticroutes: '', domain: '' });
  const word = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.ipV4(),
    fc.nat().map(String),
    fc.constantFrom('0.0.0.0/0', '::'),
  );
  const text = fc.array(word, { maxLength: 4 }).map(words => words.join(' '));
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text), fc.ipV4(), (options, ip) => {
      try {
        const lease = readLease4(values({ ip, ...options }));
        expect(lease.address).toMatch(/^[\d.]+\/([1-9]|[12]\d|3[0-2])$/);
        expect(lease.hostname + lease.domain).toMatch(/^[\w.-]*$/);
        for (const { destination, gateway } of lease.routes)
          expect(`${destination} ${gateway}`).toMatch(/^[\d.]+\/\d+ [\d.]*$/);
        for (const server of lease.resolvers) expect(server).toMatch(/^[\d.]+$/);
      } catch (error) {
        if (!(error instanceof TalosdError) || error.code !== 'invalid_argument') throw error;
      }
    }),
  );
});

test('events come back from the lines that the hook writes, whatever the values hold', () => {
  const value = fc.string({ unit: 'binary' }).map(text => text.replaceAll('\0', ''));
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/);
  const report = fc.record({ event: fc.constantFrom('bound', 'renew', 'nak'), values: fc.dictionary(name, value) });
  fc.assert(
    fc.property(fc.array(report, { maxLength: 5 }), wanted => {
      const seen: DhcpReport[] = [];
      const reader = new DhcpReportReader(each => seen.push(each));
      const text = wanted
        .map(each => {
          const records = Object.entries(each.values).map(([key, content]) => `${key}=${content}\0`);
          return `event=${each.event}\0PATH=/bin\0${records.join('')}\0\n`;
        })
        .join('');
      for (const line of text.split('\n').slice(0, -1)) reader.line(line);
      expect(seen).toEqual(wanted.map(each => ({ event: each.event, values: values(each.values) })));
    }),
  );
  const seen: DhcpReport[] = [];
  const reader = new DhcpReportReader(each => seen.push(each));
  for (let line = 0; line < 70; line++) reader.line('x'.repeat(1000));
  reader.line('event=a b\0\0');
  reader.line('event=\0reason=BOUND6\0\0');
  expect(seen.map(({ event }) => event)).toEqual(['', '', 'BOUND6']);
});
