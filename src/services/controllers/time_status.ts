import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { Services } from '../../resources/runtime/service.ts';
import { TIME_STATUS_ID, TimeStatuses } from '../../resources/runtime/time_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';

/**
 * Says whether the clock can be trusted: always in a container or with the time service off, else while `timed` is
 * healthy. Says nothing before there is a config (spec/resources.md §7.3).
 */
export function timeStatusController({ isContainer }: { readonly isContainer: boolean }): Controller {
  return {
    name: 'v1alpha1.TimeStatusController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID }), input(Services, { id: 'timed' })],
    outputs: [output(TimeStatuses)],
    reconcile(ctx) {
      const machineConfig = ctx.find(MachineConfigs, MACHINE_CONFIG_ID);
      if (!machineConfig) return;
      const isDisabled = machineConfig.spec.config.machine?.time?.disabled === true;
      const isHealthy = ctx.find(Services, 'timed')?.spec.healthy === true;
      ctx.write(TimeStatuses, TIME_STATUS_ID, { synced: isContainer || isDisabled || isHealthy });
    },
  };
}
