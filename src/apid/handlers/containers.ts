import type {
  ContainersRequest,
  ContainersResponse,
  RestartRequest,
  RestartResponse,
  StatsRequest,
  StatsResponse,
} from '../../gen/machine/machine.ts';
import type { Supervisor } from '../../services/supervisor.ts';
import type { ProcessFigures } from '../../system/self.ts';
import type { UnaryHandler } from '../handler.ts';
import { containerNotFound, requireAgentPart, requireAgentParts } from './container-source.ts';

/** The container calls of MachineService on a node without containerd (spec/api.md §2.8). */
export interface ContainerHandlers {
  readonly containers: UnaryHandler<ContainersRequest, ContainersResponse>;
  readonly stats: UnaryHandler<StatsRequest, StatsResponse>;
  readonly restart: UnaryHandler<RestartRequest, RestartResponse>;
}

/** Makes the container calls: the parts of this agent stand in for the system containers, all with the figures of its process. */
export function containerHandlers(options: {
  readonly supervisor: Supervisor;
  readonly figures: () => ProcessFigures;
}): ContainerHandlers {
  const { supervisor, figures } = options;
  return {
    containers: async ({ namespace, driver }) => {
      requireAgentParts(namespace, driver);
      const containers = supervisor
        .tasks()
        .map(({ id, image, pid }) => ({ namespace, id, image, pid, status: 'RUNNING', podId: id, name: id }));
      return { messages: [{ metadata: undefined, containers }] };
    },
    stats: async ({ namespace, driver }) => {
      requireAgentParts(namespace, driver);
      const { memory, cpu } = figures();
      const stats = supervisor
        .tasks()
        .map(({ id }) => ({ namespace, id, memoryUsage: memory, cpuUsage: cpu, podId: id, name: id }));
      return { messages: [{ metadata: undefined, stats }] };
    },
    restart: async ({ namespace, driver, id }, context) => {
      requireAgentPart(namespace, driver, id);
      if (!supervisor.tasks().some(task => task.id === id)) throw containerNotFound(id);
      context.afterReply(() => {
        supervisor.find(id)?.terminate();
      });
      return { messages: [{ metadata: undefined }] };
    },
  };
}
