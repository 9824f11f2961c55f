import { expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { AwaitedLeases } from './awaited.ts';

const from = { layer: 'config', path: '' } as const;
const operators = [
  { operator: 'dhcp4', link: 'eth0', ...from },
  { operator: 'dhcp6', link: 'eth0', ...from },
  { operator: 'vip', link: 'eth1', ip: '10.0.0.9', ...from },
] as const;
const leased = (address: string) => ({ link: 'eth0', address, layer: 'dhcp', path: '' }) as const;

test('a first lease is waited for by family, once, and for a while', async () => {
  const clock = new FakeClock();
  const leases = new AwaitedLeases(clock);
  const turn = (...addresses: string[]) => {
    const { families, rest } = leases.of(operators, addresses.map(leased));
    return [[...families], rest];
  };
  expect(turn()).toEqual([['eth0 4', 'eth0 6'], 15_000]);
  await clock.advance(5000);
  expect(turn('10.0.0.2/24')).toEqual([['eth0 6'], 10_000]);
  // It has been refused since: that is an answer too.
  expect(turn()).toEqual([['eth0 6'], 10_000]);
  await clock.advance(10_000);
  expect(turn()).toEqual([[], undefined]);
});
