import type {
  ServiceListResponse,
  ServiceRestartRequest,
  ServiceRestartResponse,
  ServiceStartRequest,
  ServiceStartResponse,
  ServiceStopRequest,
  ServiceStopResponse,
} from '../../gen/machine/machine.ts';
import { encodeService } from '../../services/encode.ts';
import type { Supervisor } from '../../services/supervisor.ts';
import { restartByUser, startByUser, stopByUser } from '../../services/user-actions.ts';
import type { UnaryHandler } from '../handler.ts';

/** The service calls of MachineService (spec/api.md §2.10). */
export interface ServiceHandlers {
  readonly serviceList: UnaryHandler<unknown, ServiceListResponse>;
  readonly serviceStart: UnaryHandler<ServiceStartRequest, ServiceStartResponse>;
  readonly serviceStop: UnaryHandler<ServiceStopRequest, ServiceStopResponse>;
  readonly serviceRestart: UnaryHandler<ServiceRestartRequest, ServiceRestartResponse>;
}

/** Makes the service calls for one supervisor. */
export function serviceHandlers({ supervisor }: { readonly supervisor: Supervisor }): ServiceHandlers {
  const reply = (id: string, what: string) => ({
    messages: [{ metadata: undefined, resp: `Service "${id}" ${what}` }],
  });
  return {
    serviceList: async () => ({
      messages: [{ metadata: undefined, services: supervisor.list().map(encodeService) }],
    }),
    serviceStart: async ({ id }) => {
      startByUser(supervisor, id);
      return reply(id, 'started');
    },
    serviceStop: async ({ id }) => {
      stopByUser(supervisor, id);
      return reply(id, 'stopped');
    },
    serviceRestart: async ({ id }) => {
      await restartByUser(supervisor, id);
      return reply(id, 'restarted');
    },
  };
}
