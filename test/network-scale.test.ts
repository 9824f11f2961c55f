import { afterAll, beforeAll, expect, test } from 'vitest';
import { NetworkScale } from './support/network-scale.ts';
import { describeWith, program, rootUser } from './support/requires.ts';

/** How long it takes beside one `ip -batch` is measured by `make bench`; this is the order of magnitude, on a shared host. */
const MOST_MILLISECONDS = 5000;

describeWith([rootUser, program('ip')], '1 000 addresses and 10 000 routes', () => {
  let scale: NetworkScale;
  beforeAll(async () => {
    scale = await NetworkScale.start();
  });
  afterAll(() => scale?.remove());

  test('are there after three processes at most; a second turn runs none', async () => {
    const { milliseconds, programs, routes } = await scale.converge();
    expect(routes).toBe(10_000);
    expect(programs.filter(line => line.includes('-force'))).toEqual(['ip -force -batch -']);
    expect(programs.length).toBeLessThanOrEqual(3);
    expect(milliseconds).toBeLessThan(MOST_MILLISECONDS);
    expect(await scale.again()).toEqual([]);
    expect(scale.problems).toEqual([]);
  });
});
