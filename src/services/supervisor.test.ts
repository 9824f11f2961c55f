import { describe, expect, test } from 'vitest';
import { EventStream } from '../events/stream.ts';
import { FakeClock } from '../lib/clock.ts';
import { polledCondition } from './conditions.ts';
import type { ServiceDefinition } from './definition.ts';
import { LogBuffers } from './log-buffers.ts';
import { restartForever } from './runner.ts';
import { InProcessRunner, type Part } from './runners/in-process.ts';
import { Supervisor } from './supervisor.ts';

/** A part that does what the test tells it to. */
class FakePart implements Part {
  runs = 0;
  killed = 0;
  startsItself = true;
  obeys = true;
  ready = () => {};
  end: (error?: Error) => void = () => {};

  run(signal: AbortSignal, ready: () => void): Promise<void> {
    this.runs += 1;
    this.ready = ready;
    return new Promise((resolve, reject) => {
      this.end = error => (error ? reject(error) : resolve());
      if (this.obeys) signal.addEventListener('abort', () => resolve(), { once: true });
      if (this.startsItself) ready();
    });
  }

  kill(): void {
    this.killed += 1;
  }
}

function node() {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 2, 16, 15));
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const logs = new LogBuffers();
  const events = new EventStream(clock);
  const supervisor = new Supervisor({ clock, log: { info: log, warn: log, error: log }, logs, events });
  const service = (id: string, part: Part, extra: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
    id,
    dependsOn: [],
    createRunner: tools =>
      restartForever(new InProcessRunner({ id, part, shape: 'container', pid: 214, ...tools }), tools.clock),
    ...extra,
  });
  return { clock, lines, logs, events, supervisor, service };
}

function healthCheck(answer: () => string | undefined) {
  return {
    initialDelay: 1_000,
    period: 5_000,
    timeout: 500,
    check: async () => {
      const failure = answer();
      if (failure) throw new Error(failure);
    },
  };
}

const start = Date.UTC(2026, 10, 24, 2, 16, 15);
/** A service's history as lines with seconds since the test began. */
const history = (supervisor: Supervisor, id: string) =>
  supervisor
    .find(id)!
    .status.events.map(({ state, message, time }) => `${(time - start) / 1000} [${state}]: ${message}`);

test('a service waits for what it depends on, runs, and turns healthy: log, history, events', async () => {
  const { clock, lines, logs, events, supervisor, service } = node();
  let listening = false;
  const refused = 'dial tcp 127.0.0.1:50000: connect: connection refused';
  supervisor.load(
    service('containerd', new FakePart(), { health: healthCheck(() => undefined) }),
    service('networkd', new FakePart(), {
      dependsOn: ['containerd'],
      health: healthCheck(() => (clock.now() < start + 6_000 ? 'networkd is not ready' : undefined)),
    }),
    service('apid', new FakePart(), {
      dependsOn: ['containerd', 'networkd'],
      image: 'talos/apid',
      health: healthCheck(() => (listening ? undefined : refused)),
    }),
  );
  supervisor.start('containerd', 'networkd', 'apid');
  await clock.advance(500);
  expect(supervisor.tasks()).toEqual([]);
  await clock.advance(9_500);
  listening = true;
  await clock.advance(10_000);

  const expected = [
    '0 [Waiting]: Waiting for service "containerd" to be "up", service "networkd" to be "up"',
    '2 [Waiting]: Waiting for service "networkd" to be "up"',
    '7 [Preparing]: Running pre state',
    '7 [Preparing]: Creating service runner',
    '7 [Running]: Started task apid (PID 214) for container apid',
    '8 [Running]: Health check failed: dial tcp 127.0.0.1:50000: connect: connection refused',
    '13 [Running]: Health check successful',
  ];
  expect(history(supervisor, 'apid')).toEqual(expected);
  expect(lines.filter(line => line.startsWith('service[apid]'))).toEqual(
    expected.map(line => line.replace(/^\d+ \[(\w+)\]/, 'service[apid]($1)')),
  );
  expect(supervisor.list().map(({ id, state, health }) => ({ id, state, health }))).toEqual([
    {
      id: 'apid',
      state: 'Running',
      health: { unknown: false, healthy: true, lastMessage: '', lastChange: start + 13_000 },
    },
    {
      id: 'containerd',
      state: 'Running',
      health: { unknown: false, healthy: true, lastMessage: '', lastChange: start + 1_000 },
    },
    {
      id: 'networkd',
      state: 'Running',
      health: { unknown: false, healthy: true, lastMessage: '', lastChange: start + 7_000 },
    },
  ]);
  expect(supervisor.tasks()).toEqual([{ id: 'apid', image: 'talos/apid', pid: 214 }]);
  expect(logs.ids).toEqual(['apid', 'containerd', 'networkd']);

  const stream = events.subscribe({ tailEvents: 2 })[Symbol.asyncIterator]();
  expect([(await stream.next()).value.event, (await stream.next()).value.event]).toEqual([
    {
      type: 'ServiceStateEvent',
      message: {
        service: 'apid',
        action: 3,
        message: `Health check failed: ${refused}`,
        health: {
          unknown: false,
          healthy: false,
          lastMessage: refused,
          lastChange: { seconds: BigInt((start + 8_000) / 1000), nanos: 0 },
        },
      },
    },
    {
      type: 'ServiceStateEvent',
      message: {
        service: 'apid',
        action: 3,
        message: 'Health check successful',
        health: {
          unknown: false,
          healthy: true,
          lastMessage: '',
          lastChange: { seconds: BigInt((start + 13_000) / 1000), nanos: 0 },
        },
      },
    },
  ]);
});

describe('restarts', () => {
  test('crash, clean end and outside SIGTERM all lead through five seconds of Waiting back to a told health', async () => {
    const { clock, supervisor, service } = node();
    const part = new FakePart();
    let answers = true;
    supervisor.load(service('trustd', part, { health: healthCheck(() => (answers ? undefined : 'refused')) }));
    supervisor.start('trustd');
    await clock.advance(2_000);
    part.end(new Error('listen tcp :50001: bind: address already in use'));
    answers = false;
    await clock.advance(1_000);
    expect(supervisor.list()[0]).toMatchObject({ state: 'Waiting', health: { healthy: true } });
    expect([supervisor.find('trustd')!.has('up'), supervisor.find('trustd')!.pid]).toEqual([false, undefined]);
    await clock.advance(3_500);
    expect(supervisor.list()[0]).toMatchObject({
      state: 'Waiting',
      health: { healthy: false, lastMessage: 'refused' },
    });
    answers = true;
    await clock.advance(6_500);
    part.end();
    await clock.advance(7_000);
    expect(supervisor.find('trustd')!.terminate()).toBe(true);
    await clock.advance(7_000);
    expect(history(supervisor, 'trustd')).toEqual([
      '0 [Preparing]: Running pre state',
      '0 [Preparing]: Creating service runner',
      '0 [Running]: Started task trustd (PID 214) for container trustd',
      '1 [Running]: Health check successful',
      '2 [Waiting]: Error running Containerd(trustd), going to restart forever: listen tcp :50001: bind: address already in use',
      '7 [Running]: Started task trustd (PID 214) for container trustd',
      '11 [Running]: Health check successful',
      '13 [Waiting]: Runner Containerd(trustd) exited without error, going to restart it',
      '18 [Running]: Started task trustd (PID 214) for container trustd',
      '20 [Waiting]: Runner Containerd(trustd) exited without error, going to restart it',
      '25 [Running]: Started task trustd (PID 214) for container trustd',
      '26 [Running]: Health check successful',
    ]);
    expect(part.runs).toBe(4);
  });

  test('a part that could not start never was Running; a stop ends the pause', async () => {
    const { clock, supervisor, service } = node();
    const part = new FakePart();
    part.startsItself = false;
    supervisor.load(service('apid', part));
    supervisor.start('apid');
    await clock.advance(0);
    part.end(new Error('listen tcp :50000: bind: permission denied'));
    await clock.advance(1_000);
    supervisor.start('apid');
    await supervisor.stop('apid');
    expect(history(supervisor, 'apid')).toEqual([
      '0 [Preparing]: Running pre state',
      '0 [Preparing]: Creating service runner',
      '0 [Waiting]: Error running Containerd(apid), going to restart forever: listen tcp :50000: bind: permission denied',
      '1 [Stopping]: Aborting restart sequence',
      '1 [Finished]: Service finished successfully',
    ]);
  });

  test('history keeps the last 64', async () => {
    const { clock, supervisor, service } = node();
    const part: Part = { run: async (_signal, ready) => ready() };
    supervisor.load(service('flapping', part));
    supervisor.start('flapping');
    await clock.advance(500_000);
    const { events } = supervisor.list()[0]!;
    expect([events.length, events[0]?.time, events.at(-1)?.state]).toEqual([64, start + 345_000, 'Waiting']);
  });
});

describe('ends', () => {
  test('a stopped container gets SIGTERM, after ten seconds SIGKILL', async () => {
    const { clock, supervisor, service } = node();
    const [polite, stubborn, dead] = [new FakePart(), new FakePart(), new FakePart()];
    stubborn.obeys = dead.obeys = false;
    stubborn.kill = () => stubborn.end();
    supervisor.load(service('polite', polite), service('stubborn', stubborn), service('dead', dead));
    supervisor.start('polite', 'stubborn', 'dead');
    await clock.advance(1_000);
    const stopped = supervisor.stop('polite', 'stubborn', 'dead');
    await clock.advance(20_000);
    await stopped;
    expect(history(supervisor, 'polite').slice(3)).toEqual([
      '1 [Stopping]: Sending SIGTERM to task polite (PID 214, container polite)',
      '1 [Finished]: Service finished successfully',
    ]);
    expect(history(supervisor, 'stubborn').slice(3)).toEqual([
      '1 [Stopping]: Sending SIGTERM to task stubborn (PID 214, container stubborn)',
      '11 [Stopping]: Sending SIGKILL to task stubborn (PID 214, container stubborn)',
      '11 [Finished]: Service finished successfully',
    ]);
    expect(history(supervisor, 'dead').slice(3)).toEqual([
      '1 [Stopping]: Sending SIGTERM to task dead (PID 214, container dead)',
      '11 [Stopping]: Sending SIGKILL to task dead (PID 214, container dead)',
      '12 [Failed]: Failed running service: error stopping service: task "dead" does not end',
    ]);
    expect([polite.killed, dead.killed]).toEqual([0, 1]);
  });

  test('a goroutine runs once and stops without a word', async () => {
    const { clock, supervisor } = node();
    const part = new FakePart();
    const machined: ServiceDefinition = {
      id: 'machined',
      dependsOn: [],
      createRunner: tools => new InProcessRunner({ id: 'machined', part, shape: 'goroutine', ...tools }),
    };
    supervisor.load(machined);
    supervisor.start('machined');
    await clock.advance(1_000);
    await supervisor.stop('machined');
    supervisor.start('machined');
    await clock.advance(1_000);
    part.end(new Error('socket is gone'));
    await clock.advance(0);
    const begin = ['[Preparing]: Running pre state', '[Preparing]: Creating service runner'];
    const up = '[Running]: Service started as goroutine';
    expect(history(supervisor, 'machined').map(line => line.replace(/^\d+ /, ''))).toEqual([
      ...begin,
      up,
      '[Finished]: Service finished successfully',
      ...begin,
      up,
      '[Failed]: Failed running service: error running service: socket is gone',
    ]);
    expect(supervisor.list()[0]!.health).toEqual({
      unknown: true,
      healthy: false,
      lastMessage: '',
      lastChange: undefined,
    });
  });

  test('every way to fail before running', async () => {
    const { clock, supervisor, service } = node();
    const part = new FakePart();
    const boom = async () => {
      throw new Error('boom');
    };
    supervisor.load(
      service('lonely', part, { dependsOn: ['ghost'] }),
      service('stopped', part, { condition: polledCondition('file "/x" to exist', clock, async () => false) }),
      service('pre', part, { pre: boom }),
      service('made', part, {
        createRunner: () => {
          throw new Error('boom');
        },
      }),
      service('opened', part, {
        createRunner: tools =>
          Object.assign(new InProcessRunner({ id: 'opened', part, shape: 'container', ...tools }), { open: boom }),
      }),
      service('skipped', part, { createRunner: () => undefined }),
      service('post', part, {
        createRunner: tools =>
          new InProcessRunner({ id: 'post', part: { run: async () => {} }, shape: 'container', ...tools }),
        post: boom,
      }),
    );
    supervisor.start('lonely', 'stopped', 'pre', 'made', 'opened', 'skipped', 'post');
    await clock.advance(2_000);
    await supervisor.stop('stopped');
    const ends = supervisor.list().map(({ id, state, events }) => `${id} ${state}: ${events.at(-1)!.message}`);
    expect(ends).toEqual([
      'lonely Failed: Condition failed: 1 error occurred:\n\t* service "ghost" is not registered\n\n',
      'made Failed: Failed to create runner: boom',
      'opened Failed: Failed running service: error opening runner: boom',
      'post Failed: Failed to run post stage: boom',
      'pre Failed: Failed to run pre stage: boom',
      'skipped Skipped: Service skipped',
      'stopped Failed: Condition failed: context canceled',
    ]);
    expect(supervisor.find('stopped')!.status.events.map(({ message }) => message)).toEqual([
      'Waiting for file "/x" to exist',
      'Condition failed: context canceled',
    ]);
    expect(part.runs).toBe(0);
  });
});

describe('stop order', () => {
  test('shutdown stops dependents first, and then nothing starts any more', async () => {
    const { clock, lines, supervisor, service } = node();
    supervisor.load(
      service('containerd', new FakePart()),
      service('networkd', new FakePart(), { dependsOn: ['containerd'] }),
      service('apid', new FakePart(), { dependsOn: ['containerd', 'networkd'] }),
      service('idle', new FakePart(), { dependsOn: ['containerd'] }),
    );
    supervisor.start('containerd', 'networkd', 'apid');
    await clock.advance(1_000);
    lines.length = 0;
    await supervisor.shutdown();
    await supervisor.shutdown();
    supervisor.load(service('late', new FakePart()));
    supervisor.start('late', 'containerd');
    const kind = /service\[(\w+)\]\((\w+)\).*/;
    expect(lines.map(line => line.replace(kind, '$1 $2'))).toEqual([
      'apid Stopping',
      'apid Finished',
      'networkd Stopping',
      'networkd Finished',
      'containerd Stopping',
      'containerd Finished',
    ]);
    expect(supervisor.list().map(({ id }) => id)).toEqual(['apid', 'containerd', 'idle', 'networkd']);
  });

  test('after thirty seconds a service no longer waits for its dependents', async () => {
    const { clock, lines, supervisor, service } = node();
    const slow = service('etcd', new FakePart(), {
      dependsOn: ['cri'],
      post: () => clock.sleep(60_000),
      createRunner: ({ clock: own }) => ({
        name: 'Slow',
        pid: 1,
        open: async () => {},
        close: async () => {},
        terminate: () => true,
        run: async (record, stop) => {
          record('Running', 'running');
          await new Promise<void>(resolve => stop.addEventListener('abort', () => resolve()));
          record('Stopping', 'stopping');
          await own.sleep(45_000);
        },
      }),
    });
    supervisor.load(service('cri', new FakePart()), slow);
    supervisor.start('cri', 'etcd');
    await clock.advance(0);
    lines.length = 0;
    let isDone = false;
    void supervisor.stopWithDependents('cri', 'etcd').then(() => {
      isDone = true;
    });
    await clock.advance(29_000);
    expect(lines).toEqual(['service[etcd](Stopping): stopping']);
    await clock.advance(2_000);
    expect([lines.slice(1), isDone]).toEqual([
      [
        'gave up on service "etcd" to be "down" while stopping "cri"',
        'service[cri](Stopping): Sending SIGTERM to task cri (PID 214, container cri)',
        'service[cri](Finished): Service finished successfully',
      ],
      false,
    ]);
    await clock.advance(90_000);
    expect(isDone).toBe(true);
  });

  test('unload stops and forgets; unknown ids are named; goals can be waited for', async () => {
    const { clock, supervisor, service } = node();
    supervisor.load(service('timed', new FakePart()));
    const up = supervisor.waitFor('timed', 'up', new AbortController().signal);
    supervisor.start('timed');
    await up;
    const stop = new AbortController();
    const finished = supervisor.waitFor('timed', 'finished', stop.signal);
    stop.abort(new Error('enough'));
    await expect(finished).rejects.toThrow('enough');
    await supervisor.unload('timed', 'ghost');
    await clock.advance(0);
    expect(supervisor.list()).toEqual([]);
    expect(() => supervisor.start('timed')).toThrow('service "timed" not defined');
  });
});

test('a health check that takes too long fails, and checks begin at once for parts that say when they run', async () => {
  const { clock, supervisor, service } = node();
  supervisor.load(
    service('networkd', new FakePart(), {
      health: { ...healthCheck(() => undefined), onRunning: true },
    }),
    service('kubelet', new FakePart(), {
      health: { ...healthCheck(() => undefined), check: () => new Promise<void>(() => {}) },
    }),
  );
  supervisor.start('networkd', 'kubelet');
  await clock.advance(0);
  expect(history(supervisor, 'networkd').at(-1)).toBe('0 [Running]: Health check successful');
  await clock.advance(2_000);
  expect(history(supervisor, 'kubelet').at(-1)).toBe('1.5 [Running]: Health check failed: context deadline exceeded');
  await supervisor.shutdown();
});
