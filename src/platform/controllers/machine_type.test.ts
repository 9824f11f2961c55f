import { expect, test } from 'vitest';
import { MachineConfigs } from '../../resources/config/machine_config.ts';
import { MachineTypes } from '../../resources/config/machine_type.ts';
import { TestRuntime } from '../../runtime/testing.ts';
import { machineTypeController } from './machine_type.ts';

test('the machine type follows the config', async () => {
  const runtime = new TestRuntime(machineTypeController());
  const { store } = runtime;
  const seen: string[] = [];
  const look = async () => {
    await runtime.settle();
    const { metadata, spec } = store.get(MachineTypes, 'machine-type');
    seen.push(`${spec}@${metadata.version}`);
  };
  const configure = async (type?: string) => {
    store.put(MachineConfigs, 'v1alpha1', { config: { machine: { type } }, bytes: Buffer.from('') });
    await look();
  };
  await look();
  for (const type of ['controlplane', 'controlplane', 'init', 'join', 'worker', undefined]) await configure(type);
  store.destroy(store.get(MachineConfigs, 'v1alpha1').metadata);
  await look();
  expect(seen).toEqual([
    'unknown@1',
    'controlplane@2',
    'controlplane@2',
    'init@3',
    'join@4',
    'join@4',
    'join@4',
    'unknown@5',
  ]);
  expect(store.get(MachineTypes, 'machine-type').spec).toBe('unknown');
  expect(runtime.lines).toEqual(['config.MachineTypeController: controller starting']);
});
