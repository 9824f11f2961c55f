import { expect, test } from 'vitest';
import { endsWithin } from './abort.ts';
import { FakeClock } from './clock.ts';

test('work ends in its time, ends with an error, or is left alone', async () => {
  const clock = new FakeClock();
  expect(await endsWithin(Promise.resolve('done'), 1000, clock)).toBe(true);
  await expect(endsWithin(Promise.reject(new Error('broken')), 1000, clock)).rejects.toThrow('broken');

  const slow = Promise.withResolvers<void>();
  let answer: boolean | undefined;
  const asked = endsWithin(slow.promise, 1000, clock).then(ended => {
    answer = ended;
  });
  await clock.advance(999);
  expect(answer).toBeUndefined();
  await clock.advance(1);
  await asked;
  expect(answer).toBe(false);
  slow.reject(new Error('too late to matter'));
});
