import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { LAYERS_NAMESPACE, layeredId } from '../../resources/network/layer.ts';
import { TIME_SERVERS_ID, type TimeServerSpec, TimeServerSpecs } from '../../resources/network/time_server_spec.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';

const DEFAULT_SERVERS = ['pool.ntp.org'];

/** Says which time servers config and defaults name (spec/machine-config.md §4.8). */
export function timeServerConfigController(): Controller {
  return {
    name: 'network.TimeServerConfigController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [output(TimeServerSpecs, { namespace: LAYERS_NAMESPACE, kind: 'shared' })],
    reconcile(ctx) {
      const servers = ctx.find(MachineConfigs, MACHINE_CONFIG_ID)?.spec.config.machine?.time?.servers ?? [];
      const specs: TimeServerSpec[] = [{ servers: DEFAULT_SERVERS, layer: 'default', path: '' }];
      if (servers.length > 0) specs.push({ servers, layer: 'config', path: 'machine.time.servers' });
      ctx.writeAll(
        TimeServerSpecs,
        new Map(specs.map(spec => [layeredId(spec.layer, TIME_SERVERS_ID), spec])),
        LAYERS_NAMESPACE,
      );
    },
  };
}
