import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, grpcTimeout } from './call.ts';
import { FrameDecoder, frame } from './frames.ts';

describe('gRPC framing', () => {
  test('messages come back whatever way their bytes are cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 30 })), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(message => frame(Buffer.from(message))));
        const decoder = new FrameDecoder(64);
        const seen: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          if (at < bytes.length) seen.push(...decoder.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        expect(seen.map(message => [...message])).toEqual(sent.map(message => [...message]));
        expect(decoder.isMidMessage).toBe(false);
      }),
    );
  });

  test('too large and compressed messages are refused before they are collected', () => {
    expect(() => new FrameDecoder(10).push(Buffer.from('000000000b', 'hex'))).toThrow('larger than max (11 vs. 10)');
    expect(() => new FrameDecoder(10).push(Buffer.from('0100000001', 'hex'))).toThrow('compressed');
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), chunks => {
        const decoder = new FrameDecoder(1000);
        try {
          for (const chunk of chunks) decoder.push(Buffer.from(chunk));
        } catch (error) {
          expect(String(error)).toMatch(/compressed|larger/);
        }
      }),
    );
  });
});

test('timeouts have at most eight digits and never become zero; messages are percent-decoded where they can be', () => {
  expect([-5, 0.2, 1500, 99_999_999, 100_000_000, 1e15].map(grpcTimeout)).toEqual([
    '1m',
    '1m',
    '1500m',
    '99999999m',
    '100000S',
    '99999999S',
  ]);
  expect(['a%20b%C3%A9', '100%', ''].map(decodeMessage)).toEqual(['a bé', '100%', '']);
});
