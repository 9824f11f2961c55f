import { expect, test } from 'vitest';
import { EventStream } from '../events/stream.ts';
import { FakeClock } from '../lib/clock.ts';
import { errorList } from '../lib/errors.ts';
import { silentLogger } from '../lib/logger.ts';
import { LogBuffers } from '../services/log-buffers.ts';
import { InProcessRunner } from '../services/runners/in-process.ts';
import { Supervisor } from '../services/supervisor.ts';
import type { SequenceProgress } from './engine.ts';
import { explain, type WhySources } from './why.ts';

function setUp() {
  const clock = new FakeClock(1000);
  const supervisor = new Supervisor({
    clock,
    log: silentLogger,
    logs: new LogBuffers(),
    events: new EventStream(clock),
  });
  const load = (id: string, dependsOn: string[], isReady: boolean) =>
    supervisor.load({
      id,
      dependsOn,
      createRunner: tools =>
        new InProcessRunner({
          id,
          shape: 'goroutine',
          ...tools,
          part: {
            run: async (signal, ready) => {
              if (isReady) ready();
              await new Promise(resolve => signal.addEventListener('abort', resolve));
            },
          },
        }),
    });
  return { clock, supervisor, load };
}

const subjects = (sources: WhySources, subject = '') => {
  const { ready, chain } = explain(subject, sources);
  return {
    ready,
    chain: chain.map(({ subject, state, reason, since }) => `${subject} | ${state} | ${reason} | ${since}`),
  };
};

test('from the node that is not ready down to the one service that everything waits for', async () => {
  const { clock, supervisor, load } = setUp();
  load('networkd', [], false);
  load('apid', ['networkd'], true);
  supervisor.start('networkd', 'apid');
  await clock.advance(0);
  const boot: SequenceProgress = {
    ...{ name: 'boot', since: 1000, phase: 'startEverything', phaseSince: 2000 },
    tasks: [{ name: 'startAllServices', since: 2000, waitingFor: 'services to be up: apid, networkd' }],
  };
  const life = { since: 500, booted: undefined, failure: undefined };
  const sources: WhySources = { running: [boot], supervisor, life, trial: undefined };
  expect(subjects(sources)).toEqual({
    ready: false,
    chain: [
      'node | not ready | the boot sequence is running | 500',
      'sequence boot | running | in phase startEverything | 1000',
      'phase startEverything | running | runs startAllServices | 2000',
      'task startAllServices | waiting | waits for services to be up: apid, networkd | 2000',
      'service apid | waiting | Waiting for service "networkd" to be "up" | 1000',
      'service networkd | preparing | Creating service runner | 1000',
    ],
  });
  expect(subjects(sources, 'service networkd').chain).toHaveLength(1);
  expect(subjects(sources, 'task startAllServices').chain[0]).toMatch(/^task startAllServices/);
  expect(() => explain('service etcd', sources)).toThrow('there is no "service etcd" on this node now');

  const booted = { ...life, booted: 3000 };
  expect(subjects({ ...sources, running: [], life: booted }).chain[0]).toBe(
    'node | not ready | 2 services are not up | 500',
  );
  await supervisor.shutdown();
});

test('a phase that fails says with what and how often; a node with nothing missing is one line', () => {
  const { supervisor } = setUp();
  const failure = { message: errorList(['file must exist: "/etc/x"', 'it is full']), since: 1500, attempt: 3 };
  const boot: SequenceProgress = {
    name: 'boot',
    since: 1000,
    phase: 'userSetup',
    phaseSince: 1100,
    tasks: [],
    failure,
  };
  const life = { since: 500, booted: undefined, failure: undefined };
  expect(subjects({ running: [boot], supervisor, life, trial: undefined })).toEqual({
    ready: false,
    chain: [
      'node | not ready | the boot sequence is running | 500',
      'sequence boot | running | in phase userSetup | 1000',
      'phase userSetup | failing | 2 errors occurred: file must exist: "/etc/x"; it is full (tried 3 times, trying again) | 1500',
    ],
  });
  const ready: WhySources = {
    running: [],
    supervisor,
    life: { ...life, booted: 3000 },
    trial: { id: 'ab', deadline: 0 },
  };
  expect(subjects(ready)).toEqual({
    ready: true,
    chain: ['node | ready | the boot has completed and every service is up | 3000'],
  });
  expect(subjects(ready, 'configuration').chain).toEqual([
    'configuration | on trial | ab goes at 1970-01-01T00:00:00.000Z unless it is confirmed | undefined',
  ]);
});
