import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { MACHINE_TYPE_ID, type MachineTypeSpec, MachineTypes } from '../../resources/config/machine_type.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';

/** Says what the machine is in its cluster: `unknown` without a config, `join` for every kind of worker (spec/resources.md §7.4). */
export function machineTypeController(): Controller {
  return {
    name: 'config.MachineTypeController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [output(MachineTypes)],
    reconcile(ctx) {
      const machineConfig = ctx.find(MachineConfigs, MACHINE_CONFIG_ID);
      const type = machineConfig ? machineType(machineConfig.spec.config.machine?.type) : 'unknown';
      ctx.write(MachineTypes, MACHINE_TYPE_ID, type);
    },
  };
}

function machineType(configured: string | undefined): MachineTypeSpec {
  return configured === 'init' || configured === 'controlplane' ? configured : 'join';
}
