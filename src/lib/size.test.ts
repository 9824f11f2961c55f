import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSize, humanSize, parseSize } from './size.ts';

test.each([
  ['100 MB', 100_000_000n, '100 MB'],
  ['1.5GB', 1_500_000_000n, '1.5 GB'],
  ['1 GiB', 1_073_741_824n, '1073741824'],
  ['1,000', 1000n, '1.0 kB'],
  ['1ki', 1024n, '1024'],
  ['10g', 10_000_000_000n, '10 GB'],
  ['1.7', 1n, '1'],
  ['0', 0n, '0 B'],
])('%s is %d bytes, written %s', (text, bytes, canonical) => {
  expect(parseSize(text)).toEqual({ bytes });
  expect(formatSize(bytes)).toBe(canonical);
});

test.each([
  ['5 parsecs', 'unhandled size name: parsecs'],
  ['1e9', 'unhandled size name: e9'],
  ['', 'strconv.ParseFloat: parsing "": invalid syntax'],
  ['-5', 'strconv.ParseFloat: parsing "": invalid syntax'],
  ['1.2.3', 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'],
  ['99 EB', 'too large: 99 EB'],
  ['1 constructor', 'unhandled size name: constructor'],
])('%j is refused: %s', (text, error) => {
  expect(parseSize(text)).toEqual({ error });
});

test('sizes for people round a half to the even number', () => {
  expect([20480n, 21500n, 4096n, 727n, 9n, 999_500n].map(humanSize)).toEqual([
    '20 kB',
    '22 kB',
    '4.1 kB',
    '727 B',
    '9 B',
    '1000 kB',
  ]);
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 53n), bytes => {
      expect(parseSize(formatSize(bytes))).toEqual({ bytes });
    }),
  );
});
