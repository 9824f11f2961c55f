import { expect, test } from 'vitest';
import { FakeClock, systemClock } from './clock.ts';

test.each([
  ['the machine', systemClock],
  ['a test', new FakeClock()],
])('a sleep under the clock of %s ends with the reason of its signal', async (_, clock) => {
  const reason = new Error('context canceled');
  const stop = new AbortController();
  const sleep = clock.sleep(3_600_000, stop.signal);
  stop.abort(reason);
  await expect(sleep).rejects.toBe(reason);
  await expect(clock.sleep(1, stop.signal)).rejects.toBe(reason);
});
