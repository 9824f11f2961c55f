import { afterEach, expect, test, vi } from 'vitest';
import { AF_INET, type NetworkSnapshot } from '../system/network-snapshot.ts';
import { ApplyBed, clientCall, type GuardFake } from './test-node.ts';

const config = (interfaces: string) =>
  `machine:\n  type: worker\n  token: t\n  network: {hostname: a, interfaces: [${interfaces}]}\ncluster: {controlPlane: {endpoint: "https://a:6443"}}\n`;
const OLD = config('{interface: eth0, cidr: 10.0.0.2/24, routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1}]}');
const NEW = config(
  '{interface: eth0, cidr: 10.0.0.2/24, mtu: 1400, routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1}]}',
);
const BESIDE = config(
  '{interface: eth0, cidr: 10.0.0.2/24, routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1}]}, {interface: eth1, cidr: 10.1.0.2/24}',
);

const route = (destination: string, gateway: string) => ({
  ...({
    family: AF_INET,
    link: 'eth0',
    destination,
    gateway,
    source: '',
    sourceLength: 0,
    metric: 0,
    scope: 0,
  } as const),
  ...{ protocol: 3, flags: 0, table: 254 },
});
const snapshot: NetworkSnapshot = {
  links: ['eth0', 'eth1'].map((name, index) => ({
    ...{ index: index + 1, name, mtu: 1500, hardwareAddress: '', flags: 1, operationalState: 'UP', addresses: [] },
  })),
  routes: [route('10.0.0.0/24', ''), route('0.0.0.0/0', '10.0.0.1')],
};

let bed: ApplyBed;
afterEach(() => bed.remove());

/** A node that one peer behind a gateway called lately; who answers on links, and who calls, is up to the test. */
function world(peers: readonly string[] = ['192.168.0.7']) {
  const probed: string[] = [];
  const there = new Set<string>();
  const listeners = new Set<(peer: string) => void>();
  let answers = false;
  const fake: GuardFake = {
    recent: () => peers.map(peer => ({ peer, local: '10.0.0.2' })),
    onCall: listener => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    network: { snapshot },
    cmdline: { first: () => undefined, all: () => [] },
    probe: async (link, address) => {
      probed.push(`${link} ${address}`);
      return answers || there.has(address);
    },
  };
  return {
    ...{ fake, probed, there },
    call: (peer: string) => {
      for (const listener of listeners) listener(peer);
    },
    answer: () => {
      answers = true;
    },
  };
}

async function change(document: string): Promise<void> {
  const call = clientCall();
  await bed.applier.apply(Buffer.from(document), 'immediate', call);
  call.reply();
  await bed.clock.advance(1000);
  await bed.settle();
}

test('a change that cuts the way to a recent peer off is taken back after two minutes, and log and event say so', async () => {
  const { fake, probed } = world();
  bed = await ApplyBed.start(OLD, fake);
  await change(NEW);
  expect(await bed.documents()).toEqual({ running: NEW, stored: NEW });
  await bed.clock.advance(118_999);
  expect(await bed.documents()).toEqual({ running: NEW, stored: NEW });
  await bed.clock.advance(1);
  await vi.waitFor(() => expect(bed.trials.current).toBe(undefined)); // files are written meanwhile
  await bed.clock.advance(1000);
  await bed.settle();
  const said =
    /^configuration \w{8} cut off 192\.168\.0\.7: neither a call came in nor does the way there answer; going back to the one before$/;
  expect({ ...(await bed.documents()), files: await bed.files() }).toEqual({
    running: OLD,
    stored: OLD,
    files: ['config.yaml'],
  });
  expect(bed.events).toEqual([expect.stringMatching(/^cut off: configuration/)]);
  expect(bed.lines.filter(line => said.test(line))).toHaveLength(1);
  expect(new Set(probed)).toEqual(new Set(['eth0 10.0.0.1']));
});

test('where the proof itself breaks the change is taken back, and the node goes on', async () => {
  const broken = () => {
    throw new Error('nobody can be asked');
  };
  bed = await ApplyBed.start(OLD, { ...world().fake, onCall: broken });
  await change(NEW);
  await bed.clock.advance(10_000);
  await bed.settle();
  expect(bed.lines.at(-1)).toMatch(/^whether configuration \w{8} stays is not known: nobody can be asked$/);
  await bed.clock.advance(110_000);
  await vi.waitFor(() => expect(bed.trials.current).toBe(undefined));
  await bed.clock.advance(1000);
  await bed.settle();
  expect(await bed.documents()).toEqual({ running: OLD, stored: OLD });
});

test('it stays when the gateway answers, at last', async () => {
  const { fake, answer } = world();
  bed = await ApplyBed.start(OLD, fake);
  await change(NEW);
  await bed.clock.advance(60_000);
  expect(bed.trials.current).toBeDefined();
  answer();
  await bed.clock.advance(5000);
  await bed.settle();
  expect(bed.trials.current).toBe(undefined);
  expect(bed.lines.at(-1)).toMatch(/^configuration \w{8} stays: the way to 192\.168\.0\.7 is there$/);
  await bed.clock.advance(120_000);
  expect({ ...(await bed.documents()), events: bed.events }).toEqual({ running: NEW, stored: NEW, events: [] });
});

test('of two peers one has gone before: the way to the other one is enough', async () => {
  const { fake, there } = world(['192.168.0.7', '10.0.0.9']);
  there.add('10.0.0.1');
  bed = await ApplyBed.start(OLD, fake);
  await change(NEW);
  expect(bed.trials.current?.ways).toHaveLength(2);
  await bed.clock.advance(4000);
  await bed.settle();
  expect(bed.lines.at(-1)).toMatch(/ stays: the way to 192\.168\.0\.7 is there$/);
});

test('it stays when a call comes from another machine after the network has settled', async () => {
  const { fake, call } = world();
  bed = await ApplyBed.start(OLD, fake);
  await change(NEW);
  call('192.168.0.7'); // before: this one came the old way
  await bed.clock.advance(20_000);
  expect(bed.trials.current).toBeDefined();
  call('192.168.0.9');
  await bed.settle();
  expect(bed.lines.at(-1)).toMatch(/^configuration \w{8} stays: 192\.168\.0\.9 has called$/);
  expect(bed.trials.current).toBe(undefined);
});

test('an agent that comes back goes on watching', async () => {
  const { fake, answer } = world();
  bed = await ApplyBed.start(OLD, fake);
  await change(NEW);
  bed = await bed.restart();
  expect(bed.trials.current?.ways).toEqual([{ peer: '192.168.0.7', local: '10.0.0.2' }]);
  answer();
  await bed.clock.advance(10_000);
  await bed.settle();
  expect(bed.trials.current).toBe(undefined);
  expect((await bed.documents()).running).toBe(NEW);
});

test('what touches nobody’s way, and what is applied without rollback, is not guarded', async () => {
  const { fake, probed } = world();
  bed = await ApplyBed.start(OLD, fake);
  await change(BESIDE);
  expect(bed.trials.current).toBe(undefined);
  const call = clientCall();
  await bed.applier.try(Buffer.from(NEW), { timeout: 60_000, keep: true }, call);
  call.reply();
  await bed.clock.advance(200_000);
  await bed.settle();
  expect({ ...(await bed.documents()), probed }).toEqual({ running: NEW, stored: NEW, probed: [] });
});
