import { expect, test } from 'vitest';
import { publishServiceState } from '../../events/publisher.ts';
import { EventStream } from '../../events/stream.ts';
import { FakeClock } from '../../lib/clock.ts';
import { Services } from '../../resources/runtime/service.ts';
import { newResource } from '../../runtime/resource.ts';
import { TestRuntime } from '../../runtime/testing.ts';
import type { ServiceState } from '../state.ts';
import { type ServiceChange, serviceChanges, serviceController } from './service.ts';

const never = { seconds: 0n, nanos: 0 };

function node() {
  const events = new EventStream(new FakeClock());
  const publish = (service: string, state: ServiceState, health?: 'good' | 'bad') =>
    publishServiceState(events, {
      service,
      state,
      message: '',
      health: { unknown: !health, healthy: health === 'good', lastMessage: '', lastChange: never },
    });
  return { events, publish };
}

const rows = ({ store }: TestRuntime) =>
  store.list(Services).map(({ metadata, spec }) => `${metadata.id}@${metadata.version} healthy=${spec.healthy}`);

async function until(runtime: TestRuntime, wanted: string[]): Promise<void> {
  for (let turn = 0; turn < 100 && String(rows(runtime)) !== String(wanted); turn++) await runtime.settle();
  expect(rows(runtime)).toEqual(wanted);
}

test('running services are shown from the whole history on, and go when they leave Running', async () => {
  const { events, publish } = node();
  publish('machined', 'Running');
  publish('apid', 'Waiting');
  publish('apid', 'Running');
  events.publish({ type: 'PhaseEvent', message: { phase: 'boot', action: 0 } });
  publish('gone', 'Running');
  publish('gone', 'Finished');
  const runtime = new TestRuntime(serviceController(serviceChanges(events)));
  await until(runtime, ['apid@1 healthy=false', 'machined@1 healthy=false']);
  publish('apid', 'Running', 'good');
  await until(runtime, ['apid@2 healthy=true', 'machined@1 healthy=false']);
  publish('apid', 'Running', 'bad');
  publish('apid', 'Running', 'bad');
  await until(runtime, ['apid@3 healthy=false', 'machined@1 healthy=false']);
  publish('apid', 'Waiting');
  publish('apid', 'Running');
  await until(runtime, ['apid@1 healthy=false', 'machined@1 healthy=false']);
  publish('apid', 'Stopping');
  publish('apid', 'Finished');
  await until(runtime, ['machined@1 healthy=false']);
  expect(runtime.lines).toEqual(['v1alpha1.ServiceController: controller starting']);
});

test('a resource that cannot go is told of and holds up nothing', async () => {
  const { events, publish } = node();
  const runtime = new TestRuntime(serviceController(serviceChanges(events)));
  runtime.store.create(newResource(Services, 'apid', { running: true, healthy: true }));
  runtime.store.addFinalizer(runtime.store.get(Services, 'apid').metadata, 'mine');
  publish('apid', 'Finished');
  publish('trustd', 'Running');
  await until(runtime, ['apid@2 healthy=true', 'trustd@1 healthy=false']);
  expect(runtime.lines).toContain(
    'v1alpha1.ServiceController: failed destroying service resource v1alpha1.Service("apid"): ' +
      'resource Services.v1alpha1.talos.dev(runtime/apid@2) has pending finalizers &[mine]',
  );
});

test('events that end early are subscribed to again', async () => {
  let subscriptions = 0;
  const changes = async function* (signal: AbortSignal): AsyncGenerator<ServiceChange> {
    yield { service: `round${++subscriptions}`, running: true, healthy: false };
    if (subscriptions > 1) await new Promise(resolve => signal.addEventListener('abort', resolve));
  };
  const runtime = new TestRuntime(serviceController(changes));
  for (let turn = 0; turn < 5; turn++) await runtime.settle();
  await runtime.clock.advance(500);
  await until(runtime, ['round2@1 healthy=false']);
  expect(runtime.lines).toContain(
    'v1alpha1.ServiceController: controller failed: service events ended: their reader fell behind',
  );
});
