import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../src/lib/clock.ts';
import { LogBuffers } from '../src/services/log-buffers.ts';
import { ProcessRunner } from '../src/services/runners/process.ts';
import { dialTcp } from '../src/system/dial.ts';
import { ownFigures } from '../src/system/self.ts';
import { startServiceProcess } from '../src/system/service-process.ts';

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

function program(...args: [string, ...string[]]) {
  const logs = new LogBuffers();
  const lines: string[] = [];
  const runner = new ProcessRunner({ id: 'x', args, env, logs, clock: systemClock, start: startServiceProcess });
  const stop = new AbortController();
  const running = Promise.withResolvers<void>();
  const run = runner.run((state, message) => {
    lines.push(`[${state}]: ${message.replace(/PID \d+/, 'PID <pid>')}`);
    if (state === 'Running') running.resolve();
  }, stop.signal);
  const text = async () => {
    let text = '';
    for await (const chunk of logs.read('x', { tailLines: -1, follow: false })) text += Buffer.from(chunk).toString();
    return text;
  };
  return { run, stop, lines, running: running.promise, text, logs };
}

/** Whether a process runs; one that has ended and only waits to be reaped does not. */
function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !readFileSync(file, 'utf8').includes(') Z ');
}

async function untilGone(pid: number): Promise<boolean> {
  for (let turn = 0; turn < 200 && isAlive(pid); turn++) await delay(25);
  return !isAlive(pid);
}

test('both outputs reach the log, and the way it ended is told in Go words', async () => {
  const fine = program('/bin/sh', '-c', 'echo out; echo err >&2');
  await fine.run;
  const failed = program('/bin/sh', '-c', 'exit 7');
  await expect(failed.run).rejects.toThrow('exit status 7');
  const shot = program('/bin/sh', '-c', 'kill -SEGV $$');
  await expect(shot.run).rejects.toThrow('signal: segmentation fault');
  const missing = program('/no/such/program');
  await expect(missing.run).rejects.toThrow(
    'error starting process: fork/exec /no/such/program: no such file or directory',
  );
  expect([(await fine.text()).split('\n').sort(), fine.lines, missing.lines]).toEqual([
    ['', 'err', 'out'],
    ['[Running]: Process Process(["/bin/sh" "-c" "echo out; echo err >&2"]) started with PID <pid>'],
    [],
  ]);
});

test('a stop takes the whole process group along', async () => {
  const { run, stop, logs, lines } = program('/bin/sh', '-c', 'sleep 600 & echo $!; wait');
  let output = '';
  for await (const chunk of logs.read('x', { tailLines: -1, follow: true })) {
    output += Buffer.from(chunk).toString();
    if (output.includes('\n')) break;
  }
  const orphan = Number(output);
  expect(isAlive(orphan)).toBe(true);
  stop.abort();
  await run;
  expect(await untilGone(orphan)).toBe(true);
  expect(lines[1]).toBe('[Stopping]: Sending SIGTERM to Process(["/bin/sh" "-c" "sleep 600 & echo $!; wait"])');
});

test('dialling a port: open, closed, given up', async () => {
  const server = createServer(socket => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const signal = new AbortController().signal;
  await dialTcp('127.0.0.1', port, signal);
  server.close();
  await once(server, 'close');
  await expect(dialTcp('127.0.0.1', port, signal)).rejects.toThrow(
    `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
  await expect(dialTcp('127.0.0.1', port, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
});

test('the figures of this process are plausible', () => {
  const { memory, cpu } = ownFigures();
  expect([memory > 10_000_000n, cpu > 1_000_000n]).toEqual([true, true]);
});
