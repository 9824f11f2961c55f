import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['1h30m', '1h30m0s'],
  ['1.5h', '1h30m0s'],
  ['90m', '1h30m0s'],
  ['100ms', '100ms'],
  ['-5m', '-5m0s'],
  ['1.5us', '1.5µs'],
  ['.5s', '500ms'],
  ['0', '0s'],
  ['0s', '0s'],
  ['999ns', '999ns'],
  ['61.001s', '1m1.001s'],
])('%s is written %s', (text, canonical) => {
  expect(formatDuration(parseDuration(text)!)).toBe(canonical);
});

test.each(['', '-', '90x', '1d', '1', '.s', 's', '1h 30m', '99999999999h', '1e3s'])('%j is no duration', text => {
  expect(parseDuration(text)).toBeUndefined();
});

test('every duration is read back as written', () => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 63n) + 1n, 2n ** 63n - 1n), nanoseconds => {
      expect(parseDuration(formatDuration(nanoseconds))).toBe(nanoseconds);
    }),
  );
});
