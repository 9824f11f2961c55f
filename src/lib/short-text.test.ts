import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shortEncodedText, shortText } from './short-text.ts';

test('what fits stays, the rest is counted', () => {
  expect(shortText('abc', 3)).toBe('abc');
  expect(shortText('abcde', 3)).toBe('abc… (2 more characters)');
  expect(shortText('ab😀', 3)).toBe('ab\u{fffd}… (1 more characters)');
});

test('an encoded text keeps its limit, whatever it is made of', () => {
  const text = fc.oneof(fc.string({ maxLength: 3000 }), fc.string({ unit: 'binary', maxLength: 3000 }));
  fc.assert(
    fc.property(text, fc.integer({ min: 200, max: 5000 }), (whole, limit) => {
      const short = shortEncodedText(whole, limit);
      expect(encodeURI(short).length).toBeLessThanOrEqual(limit);
      if (encodeURI(whole.toWellFormed()).length <= limit) expect(short).toBe(whole.toWellFormed());
    }),
  );
  expect(shortEncodedText('x'.repeat(10_000), 1000)).toMatch(/^x{850,}… \(\d+ more characters\)$/);
});
