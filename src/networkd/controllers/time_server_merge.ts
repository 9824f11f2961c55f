import { LAYERS_NAMESPACE } from '../../resources/network/layer.ts';
import { TIME_SERVERS_ID, TimeServerSpecs } from '../../resources/network/time_server_spec.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { strongestFirst } from './device_merge.ts';

/** Chooses the time servers: those of the strongest layer that names any. */
export function timeServerMergeController(): Controller {
  return {
    name: 'network.TimeServerMergeController',
    inputs: [input(TimeServerSpecs, { namespace: LAYERS_NAMESPACE })],
    outputs: [output(TimeServerSpecs)],
    reconcile(ctx) {
      const chosen = strongestFirst(ctx, TimeServerSpecs).find(({ servers }) => servers.length > 0);
      ctx.writeAll(TimeServerSpecs, new Map(chosen ? [[TIME_SERVERS_ID, chosen]] : []));
    },
  };
}
