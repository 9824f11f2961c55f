import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { TalosdError } from '../lib/errors.ts';
import { formatRecord, type KernelRecord, kernelLog, parseRecord } from './kmsg.ts';
import { ProcFs } from './procfs.ts';

const line = (text: string, boot: number) => formatRecord(parseRecord(text, BigInt(boot) * 1000n) as KernelRecord);

test('a record as the client shows it', () => {
  const boot = Date.UTC(2026, 10, 24, 1, 49, 35, 370);
  expect(line('6,1,63500,-;Command line: quiet\n SUBSYSTEM=cpu\n', boot)).toBe(
    'kern:    info: [2026-11-24T01:49:35.4335Z]: Command line: quiet\n SUBSYSTEM=cpu\n',
  );
  expect(line('12,9,630000,c,x=y;a;b\n', boot)).toBe('user: warning: [2026-11-24T01:49:36Z]: a;b\n');
  expect(line('88,9,0,-;\n', boot)).toBe('local0:   emerg: [2026-11-24T01:49:35.37Z]: \n');
  expect(line('800,9,0,-;x\n', boot)).toMatch(/^100: /);
  expect(parseRecord('nonsense\n', 0n)).toBeInstanceOf(TalosdError);
});

test('without the device the error names it', async () => {
  const log = kernelLog(systemClock, new ProcFs(), { follow: false, tail: false }, '/none/kmsg');
  await expect(log.next()).rejects.toThrow(
    'error opening /dev/kmsg reader: open /none/kmsg: no such file or directory',
  );
});

test('a follower gets what comes later, looking only now and then, until its caller leaves', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'talosd-kmsg-'));
  const device = join(folder, 'kmsg'); // a plain file stands in: each turn reads what was appended
  writeFileSync(device, '5,0,0,-;old\n');
  let asleep = Promise.withResolvers<() => void>();
  const sleep = (_: number, signal?: AbortSignal) =>
    new Promise<void>((wake, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      asleep.resolve(wake);
    });
  const clock = { ...systemClock, sleep };
  const stop = new AbortController();
  const log = kernelLog(clock, new ProcFs(), { follow: true, tail: true, signal: stop.signal }, device);
  const next = log.next();
  const wake = await asleep.promise;
  asleep = Promise.withResolvers();
  writeFileSync(device, '6,1,5,-;new\n', { flag: 'a' });
  wake();
  expect((await next).value).toMatchObject({ text: 'new\n', priority: 'info' });
  const waiting = log.next();
  await asleep.promise;
  stop.abort();
  await expect(waiting).rejects.toThrow('aborted');
  await rm(folder, { recursive: true });
});
