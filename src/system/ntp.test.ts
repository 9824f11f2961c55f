import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { ntpQuery } from './ntp.ts';

const servers: ReturnType<typeof createSocket>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A time server that answers with what `answer` makes of the question. */
async function serve(answer: (question: Buffer) => Buffer[]): Promise<number> {
  const server = createSocket('udp4');
  servers.push(server);
  server.on('message', (question, from) => {
    for (const packet of answer(question)) server.send(packet, from.port, from.address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

function packet(question: Buffer, mode: number, stratum: number, seconds: number): Buffer {
  const answer = Buffer.alloc(48);
  answer[0] = (4 << 3) | mode;
  answer[1] = stratum;
  answer.write('RATE', 12);
  question.copy(answer, 24, 40, 48);
  for (const at of [32, 40]) answer.writeUInt32BE(seconds % 2 ** 32, at);
  answer.writeUInt32BE(2 ** 31, 44);
  answer.writeUInt32BE(2 ** 31, 36);
  return answer;
}

test('the time of a server, and how far ahead it is', async () => {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const seconds = Date.UTC(2026, 0, 1, 0, 0, 10) / 1000 + 2_208_988_800;
  const forged = (question: Buffer) => Buffer.concat([packet(question, 4, 1, 0).subarray(0, 24), Buffer.alloc(24)]);
  const port = await serve(question => [forged(question), packet(question, 4, 2, seconds)]);
  expect(await ntpQuery(clock)('127.0.0.1', { port })).toEqual({
    address: '127.0.0.1',
    transmitted: BigInt(Date.UTC(2026, 0, 1, 0, 0, 10)) * 1_000_000n + 500_000_000n,
    offset: 10_500_000_000n,
    delay: 0n,
    stratum: 2,
    leap: 0,
  });
  const later = await serve(question => [packet(question, 4, 2, Date.UTC(2040, 0, 1) / 1000 + 2_208_988_800)]);
  expect((await ntpQuery(clock)('127.0.0.1', { port: later })).transmitted / 1_000_000n).toBe(
    BigInt(Date.UTC(2040, 0, 1)) + 500n,
  );
});

test('no true answer: refused, silent, kiss of death, unknown name, left by the caller', async () => {
  const query = ntpQuery(new FakeClock());
  await expect(query('127.0.0.1', { port: 1 })).rejects.toThrow('127.0.0.1: connection refused');
  const silent = await serve(() => []);
  await expect(query('127.0.0.1', { port: silent, timeoutMs: 30 })).rejects.toThrow(
    'no answer from 127.0.0.1 in 30 ms',
  );
  const kiss = await serve(question => [packet(question, 4, 0, 0)]);
  await expect(query('127.0.0.1', { port: kiss })).rejects.toThrow('127.0.0.1 refuses to tell the time: RATE');
  const client = await serve(question => [packet(question, 3, 1, 0)]);
  await expect(query('127.0.0.1', { port: client })).rejects.toThrow('127.0.0.1 is no time server');
  const stop = new AbortController();
  const left = query('127.0.0.1', { port: silent, signal: stop.signal });
  stop.abort();
  await expect(left).rejects.toThrow('aborted');
});
