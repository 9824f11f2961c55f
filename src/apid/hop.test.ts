import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeHop, encodeHop, type Hop } from './hop.ts';

const hop: Hop = {
  callId: '0b7c',
  nodeCount: 3,
  client: { address: '10.5.0.1', subject: 'O=admin', serial: '0a' },
};

test('a claim comes through whole', () => {
  expect(decodeHop(encodeHop(hop))).toEqual(hop);
  expect(decodeHop(encodeHop(hop).toString())).toEqual(hop);
});

test('what no node of ours writes is no claim', () => {
  const changed = (change: object) => Buffer.from(JSON.stringify({ ...hop, ...change }));
  const claims = [
    changed({ callId: 'x'.repeat(257) }),
    changed({ client: { ...hop.client, subject: 'x'.repeat(257) } }),
    changed({ client: { ...hop.client, serial: 7 } }),
    changed({ client: null }),
    changed({ nodeCount: 0 }),
    changed({ nodeCount: '3' }),
    Buffer.from('null'),
    Buffer.from('{'),
  ];
  expect(claims.map(claim => decodeHop(claim))).toEqual(claims.map(() => undefined));
  fc.assert(fc.property(fc.string(), text => decodeHop(text) === undefined));
});
