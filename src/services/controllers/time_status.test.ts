import { expect, test } from 'vitest';
import { MachineConfigs } from '../../resources/config/machine_config.ts';
import { Services } from '../../resources/runtime/service.ts';
import { TimeStatuses } from '../../resources/runtime/time_status.ts';
import { TestRuntime } from '../../runtime/testing.ts';
import { timeStatusController } from './time_status.ts';

async function scenario(isContainer: boolean, disabled: boolean): Promise<string[]> {
  const runtime = new TestRuntime(timeStatusController({ isContainer }));
  const { store } = runtime;
  const seen: string[] = [];
  const step = async (action: () => unknown) => {
    action();
    await runtime.settle();
    const status = store.find(TimeStatuses, 'node');
    seen.push(status ? `${status.spec.synced}@${status.metadata.version}` : 'none');
  };
  const timed = { running: true, healthy: true };
  await step(() => {});
  await step(() => store.put(Services, 'timed', timed));
  await step(() =>
    store.put(MachineConfigs, 'v1alpha1', { config: { machine: { time: { disabled } } }, bytes: Buffer.from('') }),
  );
  await step(() => store.put(Services, 'timed', { ...timed, healthy: false }));
  await step(() => store.put(Services, 'timed', timed));
  await step(() => store.put(Services, 'other', timed));
  await step(() => store.destroy(store.get(Services, 'timed').metadata));
  return seen;
}

test('the clock is trusted while timed is healthy, once there is a config', async () => {
  expect(await scenario(false, false)).toEqual(['none', 'none', 'true@1', 'false@2', 'true@3', 'true@3', 'false@4']);
});

test('in a container, or with the time service off, it is always trusted', async () => {
  const always = ['none', 'none', 'true@1', 'true@1', 'true@1', 'true@1', 'true@1'];
  expect(await scenario(true, false)).toEqual(always);
  expect(await scenario(false, true)).toEqual(always);
});
