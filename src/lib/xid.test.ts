import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from './clock.ts';
import { encodeXid, parseXid, XidGenerator, xidSeconds } from './xid.ts';

describe('xid', () => {
  test('an id recorded from a real node reads and writes', () => {
    const bytes = parseXid('dc2f6runs9qs73a1lubg');
    expect([bytes.readUInt32BE(0), encodeXid(bytes)]).toEqual([1795486575, 'dc2f6runs9qs73a1lubg']);
  });

  test('any twelve bytes survive the way through text, and order is kept', () => {
    const id = fc.uint8Array({ minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(new Uint8Array(parseXid(encodeXid(a)))).toEqual(a);
        expect(Math.sign(Buffer.compare(a, b))).toBe(
          encodeXid(a) < encodeXid(b) ? -1 : encodeXid(a) > encodeXid(b) ? 1 : 0,
        );
      }),
    );
  });

  test.each([
    '',
    'bad',
    'dc2f6runs9qs73a1lub',
    'dc2f6runs9qs73a1lubgg',
    'DC2F6RUNS9QS73A1LUBG',
    'dc2f6runs9qs73a1lubz',
  ])('refuses %j', text => {
    expect(() => parseXid(text)).toThrow('xid: invalid ID');
  });

  test('ids grow when the counter wraps inside a second and when the clock goes back', async () => {
    const clock = new FakeClock(1_000_000_000_000);
    const ids = new XidGenerator(clock, { machine: 0xabcdef, process: 4711, counter: 2 ** 24 - 3 });
    const made = [ids.next(), ids.next(), ids.next(), ids.next()];
    const earlier = new FakeClock(900_000_000_000);
    clock.now = () => earlier.now();
    made.push(ids.next(), ids.next());
    await clock.advance(0);
    expect(made).toEqual([...new Set(made)].sort());
    expect(made.map(xidSeconds)).toEqual([1e9, 1e9, 1e9 + 1, 1e9 + 1, 1e9 + 1, 1e9 + 1]);
  });
});
