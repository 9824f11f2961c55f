import { expect, test } from 'vitest';
import { FakeClock } from '../../lib/clock.ts';
import type { StartServiceProcess } from '../../system/service-process.ts';
import { LogBuffers } from '../log-buffers.ts';
import { ProcessRunner } from './process.ts';

function program(obeys: 'SIGTERM' | 'SIGKILL') {
  const clock = new FakeClock();
  const logs = new LogBuffers();
  const lines: string[] = [];
  let end: (error?: Error) => void = () => {};
  const start: StartServiceProcess = async (_args, { onOutput }) => {
    onOutput(Buffer.from('time="…" level=info\n'));
    const ended = new Promise<void>((resolve, reject) => {
      end = error => (error ? reject(error) : resolve());
    });
    return { pid: 27, ended, kill: signal => signal === obeys && end(new Error(`signal: ${signal}`)) };
  };
  const args = ['/bin/containerd', '--root', '/a "b"'] as const;
  const runner = new ProcessRunner({ id: 'containerd', args: [...args], env: {}, logs, clock, start });
  const stop = new AbortController();
  const run = () => runner.run((state, message) => void lines.push(`[${state}]: ${message}`), stop.signal);
  return { clock, logs, lines, runner, stop, run, end: (error?: Error) => end(error) };
}

const started = '[Running]: Process Process(["/bin/containerd" "--root" "/a \\"b\\""]) started with PID 27';
const sending = (signal: string) =>
  `[Stopping]: Sending ${signal} to Process(["/bin/containerd" "--root" "/a \\"b\\""])`;

test('a process ends by itself, crashes, or is terminated from outside', async () => {
  const { clock, lines, logs, runner, run, end } = program('SIGTERM');
  const clean = run();
  await clock.advance(0);
  expect(runner.pid).toBe(27);
  end();
  await clean;
  const crash = run();
  await clock.advance(0);
  end(new Error('exit status 3'));
  await expect(crash).rejects.toThrow('exit status 3');
  const killed = run();
  await clock.advance(0);
  expect(runner.terminate()).toBe(true);
  await expect(killed).rejects.toThrow('signal: SIGTERM');
  expect([lines, logs.ids, runner.pid, runner.terminate()]).toEqual([
    [started, started, started],
    ['containerd'],
    undefined,
    false,
  ]);
});

test('a stop sends SIGTERM, ten seconds later SIGKILL, and is no failure', async () => {
  const polite = program('SIGTERM');
  const gone = polite.run();
  await polite.clock.advance(0);
  polite.stop.abort();
  await gone;
  const stubborn = program('SIGKILL');
  const killed = stubborn.run();
  await stubborn.clock.advance(0);
  stubborn.stop.abort();
  await stubborn.clock.advance(9_999);
  expect(stubborn.lines).toEqual([started, sending('SIGTERM')]);
  await stubborn.clock.advance(1);
  await killed;
  expect([polite.lines, stubborn.lines]).toEqual([
    [started, sending('SIGTERM')],
    [started, sending('SIGTERM'), sending('SIGKILL')],
  ]);
});
