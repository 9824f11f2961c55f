import { describe, expect, it } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { type SequenceEvents, Sequencer } from './engine.ts';
import { phase, type Sequence, task } from './sequence.ts';

function setUp() {
  const clock = new FakeClock();
  const seen: string[] = [];
  const lines: string[] = [];
  const events: SequenceEvents = {
    sequence: (name, action, error) =>
      seen.push(`sequence ${name} ${action}${error ? ` ${error.code}: ${error.message}` : ''}`),
    phase: (name, action) => seen.push(`phase ${name} ${action}`),
    task: (name, action) => seen.push(`task ${name} ${action}`),
    restart: command => seen.push(`restart ${command}`),
  };
  const line = (message: string) => lines.push(message);
  const log = {
    info: line,
    warn: line,
    error: line,
    task: (head: string, message: string) => line(`${head}: ${message}`),
  };
  return { clock, seen, lines, sequencer: new Sequencer({ events, log, clock }) };
}

function sequence(name: Sequence['name'], options: Partial<Sequence>): Sequence {
  return { name, phases: [], locks: true, repeatsFailedPhases: false, ...options };
}

const never = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

describe('Sequencer', () => {
  it('runs phases in order and the tasks of a phase together', async () => {
    const { sequencer, seen, lines } = setUp();
    const order: string[] = [];
    const step = (name: string) =>
      task(name, async context => {
        order.push(`${name} begins`);
        await Promise.resolve();
        context.log('half way');
        order.push(`${name} ends`);
      });
    await sequencer.run(
      sequence('boot', { phases: [phase('first', step('a'), step('b')), phase('second', step('c'))] }),
    );
    expect(order).toEqual(['a begins', 'b begins', 'a ends', 'b ends', 'c begins', 'c ends']);
    expect(seen).toEqual([
      'sequence boot START',
      'phase first START',
      'task a START',
      'task b START',
      'task a STOP',
      'task b STOP',
      'phase first STOP',
      'phase second START',
      'task c START',
      'task c STOP',
      'phase second STOP',
      'sequence boot STOP',
    ]);
    expect(lines.map(text => text.replace(/[\d.]+(ns|µs|ms|s)$/, 'T'))).toEqual([
      'boot sequence: 2 phase(s)',
      'phase first (1/2): 2 tasks(s)',
      'task a (1/2): starting',
      'task b (2/2): starting',
      'task a (1/2): half way',
      'task b (2/2): half way',
      'task a (1/2): done, T',
      'task b (2/2): done, T',
      'phase first (1/2): done, T',
      'phase second (2/2): 1 tasks(s)',
      'task c (1/1): starting',
      'task c (1/1): half way',
      'task c (1/1): done, T',
      'phase second (2/2): done, T',
      'boot sequence: done: T',
    ]);
  });

  it('fails with the first error after all tasks of the phase have ended', async () => {
    const { sequencer, seen } = setUp();
    let otherEnded = false;
    const failing = phase(
      'work',
      task('slow', async () => {
        await new Promise(resolve => setImmediate(resolve));
        otherEnded = true;
      }),
      task('bad', async () => {
        throw new Error('no disk');
      }),
    );
    const run = sequencer.run(
      sequence('reset', {
        locks: false,
        phases: [
          failing,
          phase(
            'never reached',
            task('x', async () => {}),
          ),
        ],
      }),
    );
    await expect(run).rejects.toThrow('error running phase 1 in reset sequence: task 2/2: failed, no disk');
    expect(otherEnded).toBe(true);
    expect(seen.slice(-2)).toEqual([
      'sequence reset STOP',
      'sequence reset NOOP FATAL: sequence failed: error running phase 1 in reset sequence: task 2/2: failed, no disk',
    ]);
  });

  it('refuses a second locked sequence, lets a takeover cancel the first, and lets reset run beside it', async () => {
    const { sequencer, seen } = setUp();
    const boot = sequencer.run(
      sequence('boot', {
        phases: [
          phase(
            'wait',
            task('wait', context => never(context.signal)),
          ),
        ],
      }),
    );
    const bootEnd = boot.catch(error => error.message);
    await expect(sequencer.run(sequence('upgrade', {}))).rejects.toThrow('locked: the boot sequence is running');
    expect(seen).toContain('sequence upgrade NOOP LOCKED: sequence not started: locked');
    await sequencer.run(sequence('reset', { locks: false }));
    const command = await sequencer.run(
      sequence('shutdown', {
        phases: [
          phase(
            'shutdown',
            task('shutdown', async () => 'powerOff'),
          ),
        ],
      }),
      { takeover: true },
    );
    expect(await bootEnd).toBe('context canceled');
    expect(command).toBe('powerOff');
    expect(seen.slice(-5)).toEqual([
      `restart ${0x4321fedc}`,
      'task shutdown STOP',
      'phase shutdown STOP',
      'sequence shutdown STOP',
      'sequence shutdown NOOP FATAL: sequence failed: error running phase 1 in shutdown sequence: task 1/1: failed, unix.Reboot(4321fedc)',
    ]);
    expect(sequencer.current).toBeUndefined();
  });

  it('repeats a failed phase of boot with growing pauses and tells why it waits', async () => {
    const { sequencer, clock } = setUp();
    let attempts = 0;
    const flaky = phase(
      'config',
      task('loadConfig', async () => {
        if (++attempts < 3) throw new Error('server is down');
      }),
    );
    const run = sequencer.run(sequence('initialize', { phases: [flaky], repeatsFailedPhases: true }));
    await clock.advance(0);
    expect(sequencer.current?.failure).toEqual({
      message: 'error running phase 1 in initialize sequence: task 1/1: failed, server is down',
      since: clock.now(),
      attempt: 1,
    });
    await clock.advance(1_000);
    expect(attempts).toBe(2);
    await clock.advance(1_999);
    expect(attempts).toBe(2);
    await clock.advance(1);
    await run;
    expect(attempts).toBe(3);
  });

  it('gives up a task at its deadline, also one that ignores its signal', async () => {
    const { sequencer, clock } = setUp();
    const stuck = phase(
      'stuck',
      task('stuck', () => new Promise(() => {}), 5_000),
    );
    const run = sequencer.run(sequence('shutdown', { phases: [stuck] }));
    const end = run.catch(error => error.message);
    await clock.advance(15_000);
    expect(await end).toBe('error running phase 1 in shutdown sequence: task 1/1: failed, not done after 5s');
  });
});
