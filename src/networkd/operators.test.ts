import { expect, test } from 'vitest';
import { AddressSpecs } from '../resources/network/address_spec.ts';
import { AddressStatuses } from '../resources/network/address_status.ts';
import { HostnameSpecs } from '../resources/network/hostname_spec.ts';
import { LAYERS_NAMESPACE } from '../resources/network/layer.ts';
import { type LinkStatus, LinkStatuses } from '../resources/network/link_status.ts';
import { type OperatorSpec, OperatorSpecs } from '../resources/network/operator_spec.ts';
import { ResolverSpecs } from '../resources/network/resolver_spec.ts';
import { RouteSpecs } from '../resources/network/route_spec.ts';
import { TestRuntime } from '../runtime/testing.ts';
import type { Dhcp4Options, DhcpClients } from '../system/dhcp.ts';
import { operatorController } from './controllers/operators.ts';
import { Dhcp4Operator } from './dhcp/operator4.ts';
import { Dhcp6Operator } from './dhcp/operator6.ts';
import { Operators } from './operators.ts';
import { type SharedAddress, VipOperator } from './vip.ts';

const ACK = {
  ip: '10.5.0.7',
  subnet: '255.255.255.0',
  serverid: '10.5.0.1',
  lease: '300',
  router: '10.5.0.1',
  dns: '10.5.0.1',
};

/** Controllers on clients that do what the test says; `did` tells what they were asked for. */
function node() {
  const did: string[] = [];
  const log: string[] = [];
  let options: Dhcp4Options | undefined;
  let end = (_reason: string) => {};
  let answer6 = (_values: Record<string, string>) => {};
  const clients: DhcpClients = {
    startDhcp4: given => {
      options = given;
      did.push(`start ${given.link} ${given.address ?? '-'}`);
      const ended = new Promise<string>(resolve => {
        end = resolve;
      });
      return { ended, renew: () => did.push('renew'), stop: () => did.push('stop') && end('stopped') };
    },
    exchangeDhcp6: (link, hardwareAddress, signal) => {
      did.push(`exchange ${link} ${hardwareAddress}`);
      return new Promise((resolve, reject) => {
        answer6 = values => resolve({ event: 'BOUND6', values: new Map(Object.entries(values)) });
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    },
  };
  const logger = { info: () => {}, warn: (line: string) => log.push(line), error: (line: string) => log.push(line) };
  const elections: SharedAddress[] = [];
  let lose = (_error?: Error) => {};
  const operators = new Operators(
    {
      dhcp4: (spec, changed) => new Dhcp4Operator(tools(), spec, changed),
      dhcp6: (spec, changed) => new Dhcp6Operator(tools(), spec, changed),
      vip: (spec, changed) => new VipOperator({ ...tools(), elect, announcer }, spec, changed),
    },
    logger,
  );
  const runtime = new TestRuntime(operatorController(operators));
  const tools = () => ({ clients, clock: runtime.clock, logger, random: () => 0.5 });
  const elect = (vip: SharedAddress, signal: AbortSignal) => {
    elections.push(vip);
    return new Promise<void>((resolve, reject) => {
      lose = error => (error ? reject(error) : resolve());
      signal.addEventListener('abort', () => resolve());
    });
  };
  const announcer = {
    prepare: async (link: string, ip: string) => void did.push(`prepare ${link} ${ip}`),
    announce: async (link: string, ip: string) => void did.push(`announce ${link} ${ip}`),
  };
  const { store } = runtime;
  return {
    ...{ runtime, operators, log, elections },
    lose: (error?: Error) => lose(error),
    end: (reason: string) => end(reason),
    did: () => did.splice(0),
    report: (event: string, values: Record<string, string> = {}) =>
      options?.onReport({ event, values: new Map(Object.entries(values)) }),
    answer6: (values: Record<string, string>) => answer6(values),
    link: (change: Partial<LinkStatus> = {}) => store.put(LinkStatuses, 'eth0', { ...LINK, ...change } as LinkStatus),
    want: (spec: Partial<OperatorSpec> & Pick<OperatorSpec, 'operator'>) =>
      store.put(OperatorSpecs, `${spec.operator}/eth0`, { link: 'eth0', layer: 'config', path: 'p', ...spec }),
    unwant: (operator: string) =>
      store.destroy({ namespace: 'network', type: OperatorSpecs.type, id: `${operator}/eth0` }),
    sees: (address: string) =>
      store.put(AddressStatuses, `eth0/${address}`, {
        ...{ link: 'eth0', address, family: 'inet4', scope: 'global', layer: 'config' },
      } as const),
    misses: (address: string) =>
      store.destroy({ namespace: 'network', type: AddressStatuses.type, id: `eth0/${address}` }),
    outputs: () =>
      [AddressSpecs, RouteSpecs, ResolverSpecs, HostnameSpecs].flatMap(type =>
        store.listAt(LAYERS_NAMESPACE, type.type).map(({ metadata }) => metadata.id),
      ),
  };
}

const LINK = {
  ...{ index: 2, kind: '', operationalState: 'up', up: true, carrier: true, mtu: 1500, master: '', parent: '' },
  ...{ hardwareAddress: '02:00:00:00:00:01', layer: 'config' },
} as const;

test('a DHCPv4 client runs while it is wanted and its link is there, and its lease is wanted meanwhile', async () => {
  const { runtime, want, unwant, link, did, report, outputs, end } = node();
  want({ operator: 'dhcp4' });
  await runtime.settle();
  link({ carrier: false });
  await runtime.settle();
  expect(did()).toEqual([]);
  link();
  await runtime.settle();
  expect(did()).toEqual(['start eth0 -']);
  report('bound', ACK);
  await runtime.settle();
  const leased = ['dhcp4/eth0/10.5.0.7/24', 'dhcp4/eth0/0.0.0.0/0/1024', 'dhcp4/eth0', 'dhcp4/eth0'];
  expect(outputs()).toEqual(leased);

  want({ operator: 'dhcp4', routeMetric: 7 });
  await runtime.settle();
  expect(outputs()[1]).toBe('dhcp4/eth0/0.0.0.0/0/7');
  link({ carrier: false });
  await runtime.settle();
  link();
  await runtime.settle();
  expect(did()).toEqual(['renew']);

  end('killed');
  await runtime.clock.advance(1500);
  expect(did()).toEqual(['start eth0 10.5.0.7']);
  report('renew', { ...ACK, serverid: '10.5.0.2' });
  report('bound', { ...ACK, ip: '10.5.0.8' });
  await runtime.settle();
  expect(outputs()[0]).toBe('dhcp4/eth0/10.5.0.8/24');
  await runtime.clock.advance(299_000);
  expect(outputs()).toHaveLength(4);
  await runtime.clock.advance(2000);
  await runtime.settle();
  expect(outputs()).toEqual([]);

  // The lease has run out, so its client was ended; the next one is still waited for.
  expect(did()).toEqual(['stop', 'start eth0 10.5.0.8', 'stop']);
  link({ index: 3 });
  await runtime.settle();
  expect(did()).toEqual(['start eth0 -']);
  unwant('dhcp4');
  await runtime.settle();
  expect(did()).toEqual(['stop']);
});

test('a server that is replaced makes the client begin anew with the same address', async () => {
  const { runtime, want, link, did, report, outputs } = node();
  want({ operator: 'dhcp4' });
  link();
  await runtime.settle();
  report('bound', ACK);
  report('renew', { ...ACK, serverid: '10.5.0.2', dns: '10.5.0.2' });
  await runtime.clock.advance(1500);
  expect(did()).toEqual(['start eth0 -', 'stop', 'start eth0 10.5.0.7']);
  report('nak', { message: 'no\u0007' });
  await runtime.settle();
  expect(outputs()).toEqual([]);
});

test('DHCPv6 exchanges follow each other by the clock', async () => {
  const { runtime, want, link, did, answer6, outputs, unwant } = node();
  want({ operator: 'dhcp6' });
  link();
  await runtime.settle();
  answer6({});
  await runtime.settle();
  await runtime.clock.advance(5000);
  answer6({ new_dhcp6_ia_na1_ia_addr1: 'fd00::7', new_dhcp6_ia_na1_ia_addr1_vltime: '120' });
  await runtime.settle();
  expect(outputs()).toEqual(['dhcp6/eth0/fd00::7/128', 'dhcp6/eth0']);
  await runtime.clock.advance(59_000);
  expect(did()).toEqual(Array(2).fill('exchange eth0 02:00:00:00:00:01'));
  await runtime.clock.advance(1000);
  expect(did()).toHaveLength(1);
  unwant('dhcp6');
  await runtime.settle();
  expect(outputs()).toEqual([]);
});

test('a shared address is taken and released on order, comes back, and goes with its operator', async () => {
  const { runtime, want, link, did, sees, misses, outputs, elections, lose, log, unwant } = node();
  want({ operator: 'vip', ip: '10.5.0.50' });
  link();
  await runtime.settle();
  const taken = elections[0]!.take();
  await runtime.settle();
  expect(did()).toEqual(['prepare eth0 10.5.0.50']);
  expect(outputs()).toEqual(['vip/eth0/10.5.0.50/32']);
  sees('10.5.0.50/32');
  await runtime.settle();
  await taken;
  expect(did()).toEqual(['announce eth0 10.5.0.50']);
  misses('10.5.0.50/32');
  await runtime.settle();
  sees('10.5.0.50/32');
  await runtime.settle();
  expect(did()).toEqual(['announce eth0 10.5.0.50']);

  lose(new Error('session closed'));
  await runtime.settle();
  expect(outputs()).toEqual([]);
  expect(elections).toHaveLength(1);
  misses('10.5.0.50/32');
  await runtime.settle();
  await runtime.clock.advance(1000);
  expect(elections).toHaveLength(2);
  const late = elections[1]!.take();
  const refusal = expect(late).rejects.toThrow('interface "eth0" did not get 10.5.0.50/32');
  await runtime.settle();
  await runtime.clock.advance(10_000);
  await refusal;
  unwant('vip');
  await runtime.settle();
  expect(outputs()).toEqual([]);
  expect(log).toEqual(['campaign failure: session closed']);
});

test('when the agent goes, shared addresses are given up and leases stay', async () => {
  const { runtime, want, link, report, sees, misses, outputs, elections, operators } = node();
  want({ operator: 'dhcp4' });
  want({ operator: 'vip', ip: '10.5.0.50' });
  link();
  await runtime.settle();
  report('bound', ACK);
  void elections[0]!.take();
  await runtime.settle();
  sees('10.5.0.50/32');
  await runtime.settle();
  expect(outputs()).toHaveLength(5);
  const closed = operators.close();
  await runtime.settle();
  expect(outputs()).toEqual(['dhcp4/eth0/10.5.0.7/24', 'dhcp4/eth0/0.0.0.0/0/1024', 'dhcp4/eth0', 'dhcp4/eth0']);
  misses('10.5.0.50/32');
  await runtime.settle();
  await closed;
});
