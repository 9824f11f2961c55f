import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineJoiner } from './lines.ts';

test('lines come out whole, however the bytes of several nodes were cut and mixed', () => {
  const chunk = fc.record({
    node: fc.constantFrom('a', 'b'),
    text: fc.string({ unit: fc.constantFrom('x', 'é', '\n') }),
  });
  fc.assert(
    fc.property(fc.array(chunk), fc.integer({ min: 1, max: 5 }), (chunks, size) => {
      const joiner = new LineJoiner();
      const got: Record<string, string> = { a: '', b: '' };
      const sent: Record<string, string> = { a: '', b: '' };
      const take = (node: string, line: Buffer) => {
        expect(line.indexOf(10)).toBe(line.length - 1);
        got[node] += line.toString();
      };
      for (const { node, text } of chunks) {
        sent[node] += text;
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; at += size) {
          for (const line of joiner.push(node, bytes.subarray(at, at + size))) take(node, line);
        }
      }
      for (const [node, line] of joiner.rest()) take(node, line);
      for (const node of ['a', 'b']) expect(got[node]).toBe(sent[node]!.replace(/[^\n]$/, '$&\n'));
    }),
  );
});

test('a line that never ends comes out in pieces', () => {
  const joiner = new LineJoiner();
  const lines = Array.from({ length: 5 }, () => joiner.push('a', Buffer.alloc(300_000, 'x'))).flat();
  expect(lines.map(line => line.length)).toEqual([1_200_001]);
});
