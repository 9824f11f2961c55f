import { TIME_SERVERS_ID, TimeServerSpecs } from '../../resources/network/time_server_spec.ts';
import { TimeServerStatuses } from '../../resources/network/time_server_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';

/** Says which time servers are asked. */
export function timeServerStatusController(): Controller {
  return {
    name: 'network.TimeServerStatusController',
    inputs: [input(TimeServerSpecs, { id: TIME_SERVERS_ID })],
    outputs: [output(TimeServerStatuses)],
    reconcile(ctx) {
      const chosen = ctx.find(TimeServerSpecs, TIME_SERVERS_ID)?.spec;
      const statuses = chosen ? [[TIME_SERVERS_ID, { servers: chosen.servers, layer: chosen.layer }] as const] : [];
      ctx.writeAll(TimeServerStatuses, new Map(statuses));
    },
  };
}
