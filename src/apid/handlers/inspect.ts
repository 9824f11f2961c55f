import { type ControllerRuntimeDependenciesResponse, DependencyEdgeType } from '../../gen/inspect/inspect.ts';
import type { DependencyEdge } from '../../runtime/dependencies.ts';
import type { UnaryHandler } from '../handler.ts';

/** The call of inspect.InspectService (spec/api.md §6.5). */
export interface InspectHandlers {
  readonly controllerRuntimeDependencies: UnaryHandler<unknown, ControllerRuntimeDependenciesResponse>;
}

const EDGE_TYPES: Record<DependencyEdge['kind'], DependencyEdgeType> = {
  manages: DependencyEdgeType.MANAGES,
  strong: DependencyEdgeType.STRONG,
  weak: DependencyEdgeType.WEAK,
};

/** Makes the inspect call for one controller engine. */
export function inspectHandlers(node: {
  readonly engine: { dependencies(): readonly DependencyEdge[] };
}): InspectHandlers {
  return {
    controllerRuntimeDependencies: async () => {
      const edges = node.engine.dependencies().map(({ controller, kind, namespace, type, id }) => ({
        controllerName: controller,
        edgeType: EDGE_TYPES[kind],
        resourceNamespace: namespace,
        resourceType: type,
        resourceId: id,
      }));
      return { messages: [{ metadata: undefined, edges }] };
    },
  };
}
