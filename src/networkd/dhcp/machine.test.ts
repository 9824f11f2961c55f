import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Dhcp6Event, type Dhcp6State, initialDhcp6, nextDhcp6 } from './exchange.ts';
import type { Lease } from './lease.ts';
import { type Dhcp4Event, type Dhcp4State, initialDhcp4, nextDhcp4, requestedAddress } from './machine.ts';

const lease = (change: Partial<Lease> = {}): Lease => ({
  address: '10.5.0.7/24',
  server: '10.5.0.1',
  lifetime: 300_000,
  routes: [],
  resolvers: [],
  hostname: '',
  domain: '',
  mtu: 0,
  ignored: [],
  ...change,
});

/** Runs events at seconds; one line each: what is held, what is done. */
function play(...script: readonly (readonly [second: number, event: Dhcp4Event])[]): string[] {
  let state: Dhcp4State = initialDhcp4('eth0');
  return script.map(([second, event]) => {
    const step = nextDhcp4(state, event, second * 1000);
    state = step.state;
    const commands = step.commands.map(command => ('message' in command ? command.message : `<${command.kind}>`));
    return [`${second}s ${event.kind}: ${state.held?.lease.address ?? 'nothing'}`, ...commands].join('; ');
  });
}

const bound: Dhcp4Event = { kind: 'bound', lease: lease() };
const refused: Dhcp4Event = { kind: 'nak', reason: 'wrong network' };

test('a lease, its renewal, its end', () => {
  const ack = 'DHCP ACK on "eth0": address 10.5.0.7/24, server 10.5.0.1, lease time 300s';
  expect(
    play(
      [0, { kind: 'deconfig' }],
      [15, { kind: 'leasefail' }],
      [20, bound],
      [170, { kind: 'renew', lease: lease() }],
      [330, { kind: 'tick' }],
      [469, { kind: 'deconfig' }],
      [471, { kind: 'tick' }],
      [480, bound],
      [780, { kind: 'tick' }],
    ),
  ).toEqual(
    [
      '0s deconfig: nothing',
      '15s leasefail: nothing; failed dhcp request for "eth0": no server answers',
      `20s bound: 10.5.0.7/24; ${ack}`,
      `170s renew: 10.5.0.7/24; ${ack}`,
      '330s tick: 10.5.0.7/24',
      '469s deconfig: nothing; failure to renew address for "eth0": the lease of 10.5.0.7/24 has ended',
      '471s tick: nothing',
      `480s bound: 10.5.0.7/24; ${ack}`,
      '780s tick: nothing; failure to renew address for "eth0": the lease of 10.5.0.7/24 has ended; <restart>',
    ].map(line =>
      line.replace('failed dhcp request for "eth0": the lease', 'failed dhcp request for "eth0": the lease'),
    ),
  );
});

test('a refusal takes the address away at once; an ending client, its start and silence do not', () => {
  const lines = play(
    [0, bound],
    [10, { kind: 'exit', reason: 'killed' }],
    [11, { kind: 'deconfig' }],
    [30, { kind: 'leasefail' }],
    [40, refused],
    [40, { kind: 'deconfig' }],
    [43, { kind: 'bound', lease: lease({ address: '10.6.0.7/24' }) }],
  );
  expect(lines.map(line => line.split('; ')[0])).toEqual([
    '0s bound: 10.5.0.7/24',
    '10s exit: 10.5.0.7/24',
    '11s deconfig: 10.5.0.7/24',
    '30s leasefail: 10.5.0.7/24',
    '40s nak: nothing',
    '40s deconfig: nothing',
    '43s bound: 10.6.0.7/24',
  ]);
  expect(lines[1]).toContain('failure to renew address for "eth0": the client ended: killed');
  expect(lines[4]).toContain('failure to renew address for "eth0": server rejected request with Nak: wrong network');
});

test('a client that renews with another server than it asks is started anew; one that asks all is not', () => {
  const renewedBy = (server: string): Dhcp4Event => ({ kind: 'renew', lease: lease({ server }) });
  const boundTo = (server: string): Dhcp4Event => ({ kind: 'bound', lease: lease({ server }) });
  const restarts = (...events: Dhcp4Event[]) =>
    play(...events.map((event, second) => [second, event] as const)).map(line => line.includes('<restart>'));
  expect(restarts(boundTo('10.5.0.1'), renewedBy('10.5.0.1'), renewedBy('10.5.0.2'))).toEqual([false, false, true]);
  expect(restarts(boundTo('10.5.0.1'), renewedBy(''), boundTo(''), renewedBy(''))).toEqual([false, true, false, false]);
  expect(restarts(boundTo(''), renewedBy('10.5.0.2'), renewedBy('10.5.0.1'))).toEqual([false, false, false]);
});

const anyLease = fc.record({
  address: fc.constantFrom('10.5.0.7/24', '10.5.0.8/24', '10.6.0.9/16'),
  server: fc.constantFrom('', '10.5.0.1', '10.5.0.2'),
  lifetime: fc.oneof(
    fc.integer({ min: 16, max: 600 }).map(seconds => seconds * 1000),
    fc.constant(Number.POSITIVE_INFINITY),
  ),
});
const anyEvent4: fc.Arbitrary<Dhcp4Event> = fc.oneof(
  fc.record({ kind: fc.constantFrom('bound', 'renew'), lease: anyLease.map(lease) }),
  fc.record({ kind: fc.constantFrom('unusable', 'nak', 'exit'), reason: fc.constant('x') }),
  fc.record({ kind: fc.constantFrom('deconfig', 'leasefail', 'linkback', 'tick') }),
) as fc.Arbitrary<Dhcp4Event>;

test('in any story an address is held exactly from its ACK to its end, its refusal or the next ACK', () => {
  const story = fc.array(fc.tuple(fc.integer({ min: 0, max: 400_000 }), anyEvent4), { maxLength: 40 });
  fc.assert(
    fc.property(story, events => {
      let now = 0;
      let state = initialDhcp4('eth0');
      let model: { address: string; until: number } | undefined;
      for (const [wait, event] of events) {
        now += wait;
        const step = nextDhcp4(state, event, now);
        if (model && now >= model.until) model = undefined;
        if (event.kind === 'bound' || event.kind === 'renew') {
          model = { address: event.lease.address, until: now + event.lease.lifetime };
        } else if (event.kind === 'nak') model = undefined;
        else if (event.kind === 'deconfig' && model && model.until - now <= 2000) model = undefined;
        expect(step.state.held?.lease.address).toBe(model?.address);
        expect(requestedAddress(step.state)).toBe(model?.address.split('/')[0]);
        const isRestarted = step.commands.some(({ kind }) => kind === 'restart');
        if (isRestarted && event.kind === 'renew') expect(event.lease.server).not.toBe(state.followed);
        else if (isRestarted) expect(['unusable', 'tick']).toContain(event.kind);
        state = step.state;
      }
    }),
  );
});

test('DHCPv6: a new exchange at half-life, sooner and sooner after failures, for ever', () => {
  const six = lease({ address: 'fd00::7/128', lifetime: 120_000 });
  let now = 0;
  let state: Dhcp6State = initialDhcp6('eth0', now);
  const lines: string[] = [];
  const answers: Dhcp6Event[] = [
    { kind: 'failed', reason: 'x' },
    { kind: 'failed', reason: 'x' },
    { kind: 'reply', lease: six },
    { kind: 'reply', lease: six },
    ...Array.from({ length: 14 }, () => ({ kind: 'failed', reason: 'x' }) as const),
  ];
  for (const answer of answers) {
    now = Math.min(state.dueAt, state.held?.expiresAt ?? state.dueAt);
    let step = nextDhcp6(state, { kind: 'tick' }, now);
    if (step.commands.every(({ kind }) => kind !== 'exchange')) {
      lines.push(`${now / 1000} ended`);
      now = step.state.dueAt;
      step = nextDhcp6(step.state, { kind: 'tick' }, now);
    }
    expect(nextDhcp6(step.state, { kind: 'linkback' }, now).commands).toEqual([]);
    state = nextDhcp6(step.state, answer, now).state;
    lines.push(`${now / 1000} ${answer.kind} ${state.held?.lease.address ?? '-'}`);
  }
  const has = 'failed fd00::7/128';
  expect(lines).toEqual([
    ...['0 failed -', '5 failed -', '15 reply fd00::7/128', '75 reply fd00::7/128', `135 ${has}`, `165 ${has}`],
    ...[
      `180 ${has}`,
      `187.5 ${has}`,
      `192.5 ${has}`,
      '195 ended',
      '197.5 failed -',
      '202.5 failed -',
      '212.5 failed -',
    ],
    ...['232.5 failed -', '272.5 failed -', '332.5 failed -', '392.5 failed -', '452.5 failed -', '512.5 failed -'],
  ]);
});

const anyEvent6 = fc.oneof(
  fc.record({ kind: fc.constant('reply'), lease: anyLease.map(lease) }),
  fc.record({ kind: fc.constant('failed'), reason: fc.constant('x') }),
  fc.record({ kind: fc.constantFrom('linkback', 'tick') }),
) as fc.Arbitrary<Dhcp6Event>;

test('DHCPv6: in any story one exchange at a time, never more often than the least wait, and no address past its time', () => {
  const story = fc.array(fc.tuple(fc.integer({ min: 0, max: 400_000 }), anyEvent6), { maxLength: 40 });
  fc.assert(
    fc.property(story, events => {
      let now = 0;
      let state = initialDhcp6('eth0', 0);
      for (const [wait, event] of events) {
        now += wait;
        const isAnswer = event.kind === 'reply' || event.kind === 'failed';
        if (isAnswer && !state.isExchanging) continue;
        const step = nextDhcp6(state, event, now);
        const starts = step.commands.filter(({ kind }) => kind === 'exchange').length;
        expect(starts).toBe(!state.isExchanging && (event.kind === 'linkback' || now >= state.dueAt) ? 1 : 0);
        state = step.state;
        if (state.held) expect(now).toBeLessThan(state.held.expiresAt);
        if (isAnswer) expect(state.dueAt - now).toBeGreaterThanOrEqual(5000);
      }
    }),
  );
});
