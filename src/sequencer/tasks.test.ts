import { expect, test } from 'vitest';
import { sequencePublisher } from '../events/publisher.ts';
import { EventStream } from '../events/stream.ts';
import { FakeClock } from '../lib/clock.ts';
import { LogBuffers } from '../services/log-buffers.ts';
import { InProcessRunner } from '../services/runners/in-process.ts';
import { Supervisor } from '../services/supervisor.ts';
import { phaseOf } from './actions.ts';
import { Sequencer } from './engine.ts';
import { nodeActions, type TaskDomains } from './tasks.ts';

const QUARTER = 15 * 60_000;

/** A node whose boot is nothing but its services; `ready` says which of them come up. */
function setUp(ready: Readonly<Record<string, boolean>>) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const line = (text: string) => void lines.push(text);
  const log = { info: line, warn: line, error: line, task: (head: string, text: string) => line(`${head}: ${text}`) };
  const stream = new EventStream(clock);
  const supervisor = new Supervisor({ clock, log, logs: new LogBuffers(), events: stream });
  for (const [id, isReady] of Object.entries(ready)) {
    const run = async (signal: AbortSignal, isUp: () => void) => {
      if (isReady) isUp();
      await new Promise(resolve => signal.addEventListener('abort', resolve));
    };
    supervisor.load({
      id,
      dependsOn: [],
      createRunner: tools => new InProcessRunner({ id, shape: 'goroutine', ...tools, part: { run } }),
    });
  }
  const paths = { isIdentity: false };
  const actions = nodeActions({ supervisor, paths } as TaskDomains);
  const sequencer = new Sequencer({ events: sequencePublisher(stream), log, clock });
  const phases = [phaseOf('startEverything', actions, 'startAllServices')!];
  const boot = () => sequencer.run({ name: 'boot', locks: true, repeatsFailedPhases: false, phases });
  return { clock, lines, supervisor, sequencer, boot };
}

test('a boot waits a quarter of an hour for its services, and then names each that is not up', async () => {
  const { clock, lines, supervisor, sequencer, boot } = setUp({ apid: true, cri: false, kubelet: false });
  const booted = boot().catch((error: Error) => error.message);
  await clock.advance(QUARTER - 1);
  expect(sequencer.current?.tasks.map(({ name, waitingFor }) => [name, waitingFor])).toEqual([
    ['startAllServices', 'services to be up: cri, kubelet'],
  ]);
  await clock.advance(1);
  expect(await booted).toBe(
    'error running phase 1 in boot sequence: task 1/1: failed, 2 errors occurred:\n' +
      '\t* service cri is not up, it is preparing: Creating service runner\n' +
      '\t* service kubelet is not up, it is preparing: Creating service runner\n\n',
  );
  expect(lines).toContain('task startAllServices (1/1): waiting for 3 services');
  await supervisor.shutdown();
});
