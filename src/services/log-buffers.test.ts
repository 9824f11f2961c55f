import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { CircularBuffer } from './circular-buffer.ts';
import { accessLogger, LogBuffers, nodeLogger, serviceLogger } from './log-buffers.ts';

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('tail', () => {
  const buffers = new LogBuffers();
  buffers.write('apid', 'one\ntwo\nthree\nunfinished');

  test.each([
    [-1, 'one\ntwo\nthree\nunfinished'],
    [0, ''],
    [1, 'unfinished'],
    [2, 'three\nunfinished'],
    [4, 'one\ntwo\nthree\nunfinished'],
    [50, 'one\ntwo\nthree\nunfinished'],
  ])('%i lines', async (tailLines, expected) => {
    expect(await text(buffers.read('apid', { tailLines, follow: false }))).toBe(expected);
  });

  test('an unknown log names itself; a registered one is empty', async () => {
    expect(() => buffers.read('../../etc/passwd', { tailLines: -1, follow: false })).toThrow(
      'log "../../etc/passwd" was not registered',
    );
    buffers.register('trustd');
    expect(await text(buffers.read('trustd', { tailLines: -1, follow: false }))).toBe('');
    expect(buffers.ids).toEqual(['apid', 'trustd']);
  });
});

test('whatever was written, a tail of n lines is the last n lines of what is kept', async () => {
  const line = fc.tuple(fc.integer({ min: 0, max: 90_000 }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), fc.integer({ min: 1, max: 30 }), async (pieces, tailLines) => {
      const buffer = new CircularBuffer();
      let whole = '';
      for (const [length, ended] of pieces) {
        const piece = String.fromCharCode(97 + (length % 26)).repeat(length) + (ended ? '\n' : '');
        whole += piece;
        buffer.write(Buffer.from(piece));
      }
      const kept = whole.slice(buffer.oldest);
      const lines = kept.match(/[^\n]*\n|[^\n]+$/g) ?? [];
      expect(await text(buffer.read({ tailLines: -1, follow: false }))).toBe(kept);
      expect(await text(buffer.read({ tailLines, follow: false }))).toBe(lines.slice(-tailLines).join(''));
    }),
    { numRuns: 60 },
  );
});

test('a piece larger than the whole storage leaves its last bytes', async () => {
  const buffer = new CircularBuffer();
  buffer.write(Buffer.from('begin'));
  buffer.write(Buffer.from(`${'x'.repeat(3_000_000)}end`));
  const kept = await text(buffer.read({ tailLines: -1, follow: false }));
  expect([kept.length, kept.slice(-5)]).toEqual([1_048_576 - 2_048, 'xxend']);
});

test('following delivers new bytes at once and ends with its signal', async () => {
  const buffer = new CircularBuffer();
  const stop = new AbortController();
  buffer.write(Buffer.from('old\n'));
  const stream = buffer.read({ tailLines: 0, follow: true, signal: stop.signal })[Symbol.asyncIterator]();
  buffer.write(Buffer.from('after the call, before the pull\n'));
  const first = await stream.next();
  const second = stream.next();
  buffer.write(Buffer.from('new'));
  const third = second.then(() => stream.next());
  expect([String(first.value), String((await second).value)]).toEqual(['after the call, before the pull\n', 'new']);
  stop.abort();
  expect(await third).toEqual({ done: true, value: undefined });
});

test('an overtaken reader goes on at the oldest byte when following and fails otherwise; chunks are at most 32 KiB', async () => {
  const buffer = new CircularBuffer();
  buffer.write(Buffer.alloc(100_000, 'a'));
  const following = buffer.read({ tailLines: -1, follow: true })[Symbol.asyncIterator]();
  const once = buffer.read({ tailLines: -1, follow: false })[Symbol.asyncIterator]();
  const sizes = [(await following.next()).value.length, (await once.next()).value.length];
  buffer.write(Buffer.alloc(1_500_000, 'b'));
  expect([sizes, String((await following.next()).value)[0]]).toEqual([[32_768, 32_768], 'b']);
  await expect(once.next()).rejects.toThrow('buffer overrun, read position overwritten');
});

test('no line of a logger is long enough to stop the client that reads it', async () => {
  const buffers = new LogBuffers();
  const clock = new FakeClock();
  const long = '€'.repeat(1_000_000);
  accessLogger(buffers, 'machined', clock).info(long);
  nodeLogger(buffers, clock).task('task a (1/1)', long);
  serviceLogger(buffers, 'machined', clock).warn(long);
  const lines = (await text(buffers.read('machined', { tailLines: -1, follow: false }))).split('\n').slice(0, -1);
  expect(lines.map(line => Buffer.byteLength(line) < 64 * 1024)).toEqual([true, true, true]);
  expect(lines.every(line => line.endsWith('… (983616 more characters)'))).toBe(true);
});

test('loggers write the lines of the original, and the console gets a copy', async () => {
  const console: string[] = [];
  const logs = new LogBuffers({ console: (id, data) => console.push(`${id}|${Buffer.from(data)}`) });
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 2, 16, 15, 7));
  const node = nodeLogger(logs, clock);
  node.info('install sequence: 0 phase(s)');
  node.task('task loadConfig (1/1)', 'downloading config');
  serviceLogger(logs, 'networkd', clock).warn('writing resolvconf');
  accessLogger(logs, 'machined', clock).info('OK [/machine.MachineService/Version] 1ms unary Success ()');
  accessLogger(logs, 'apid', clock).info('OK [/machine.MachineService/Version] 2ms stream Success ()');
  expect(console).toEqual([
    'machined|[talos] 2026/11/24 02:16:15 install sequence: 0 phase(s)\n',
    'machined|[talos] task loadConfig (1/1): 2026/11/24 02:16:15 downloading config\n',
    'networkd|2026/11/24 02:16:15.007000 writing resolvconf\n',
    'machined|machined 2026/11/24 02:16:15 OK [/machine.MachineService/Version] 1ms unary Success ()\n',
    'apid|2026/11/24 02:16:15.007000 log.go:98: OK [/machine.MachineService/Version] 2ms stream Success ()\n',
  ]);
});
