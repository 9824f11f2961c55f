import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBase64 } from './base64.ts';

test('bytes come back, also from text with line breaks', () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const text = Buffer.from(bytes).toString('base64');
      expect(decodeBase64(text)).toEqual({ bytes });
      expect(decodeBase64(text.replace(/.{5}/g, '$&\r\n'))).toEqual({ bytes });
    }),
  );
});

test.each([
  ['!!!!', 0],
  ['QUJD!', 4],
  ['QUJ', 0],
  ['QUJDR', 4],
  ['QQ==x', 4],
  ['Q===', 1],
  ['QU\nJ!', 4],
  ['QU-_', 2],
])('%j is refused at byte %d', (text, badOffset) => {
  expect(decodeBase64(text)).toEqual({ badOffset });
});
