import { type ControllerDependencyEdge, DependencyEdgeType, InspectServiceService } from '../../gen/inspect/inspect.ts';
import { ResourceServiceService } from '../../gen/resource/resource.ts';
import { callNodes, streamNodes } from './call-nodes.ts';
import { Graph } from './graph.ts';
import { ctlCommand, type Session } from './session.ts';

const RESOURCE_STYLE = { shape: 'note', fillcolor: 'azure2', style: 'filled' };
const EDGE_STYLES: Record<number, string> = {
  [DependencyEdgeType.MANAGES]: 'bold',
  [DependencyEdgeType.STRONG]: 'solid',
  [DependencyEdgeType.WEAK]: 'dotted',
};

/** `inspect dependencies`. */
export const inspectDependenciesCommand = ctlCommand({
  args: '',
  help: 'Print which controller depends on which resources, as a graph for `dot`.',
  examples: ['inspect dependencies | dot -Tsvg > graph.svg', 'inspect dependencies --with-resources'],
  options: [{ flags: '--with-resources', help: 'the resources that exist, in place of their types' }],
  single: 'inspect dependencies',
  async run(session, _args, options) {
    const what = 'error getting controller runtime dependencies';
    const replies = await callNodes(session, what, InspectServiceService.controllerRuntimeDependencies, {});
    const edges = replies.flatMap(({ message }) => message.edges);
    const graph = options.boolean('withResources')
      ? resourceGraph(edges, await listResources(session, edges))
      : dependencyGraph(edges);
    await session.out.write(graph.render());
  },
});

/** Controllers and the types of resources they read and write. */
export function dependencyGraph(edges: readonly ControllerDependencyEdge[]): Graph {
  const graph = new Graph();
  for (const edge of edges) {
    graph.node(edge.controllerName, { shape: 'box' });
    graph.node(typeName(edge), RESOURCE_STYLE);
  }
  for (const edge of edges) {
    connect(graph, edge, typeName(edge), edge.edgeType === DependencyEdgeType.MANAGES ? '' : edge.resourceId);
  }
  return graph;
}

/** Controllers and the resources that exist, in a box for each type. */
export function resourceGraph(
  edges: readonly ControllerDependencyEdge[],
  resources: ReadonlyMap<string, readonly string[]>,
): Graph {
  const graph = new Graph();
  for (const edge of edges) graph.node(edge.controllerName, { shape: 'box' });
  for (const [type, ids] of resources) {
    for (const id of ids) graph.node(resourceKey(type, id), { ...RESOURCE_STYLE, label: id }, type);
  }
  for (const edge of edges) {
    const type = typeName(edge);
    for (const id of resources.get(type) ?? []) {
      if (edge.resourceId === '' || edge.resourceId === id) connect(graph, edge, resourceKey(type, id), '');
    }
  }
  return graph;
}

async function listResources(
  session: Session,
  edges: readonly ControllerDependencyEdge[],
): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const edge of edges) {
    if (found.has(typeName(edge))) continue;
    const ids: string[] = [];
    found.set(typeName(edge), ids);
    const request = { namespace: edge.resourceNamespace, type: edge.resourceType };
    await streamNodes(session, 'error listing resources', ResourceServiceService.list, request, {
      message: (_node, { resource }) => {
        if (resource?.metadata) ids.push(resource.metadata.id);
      },
    });
  }
  return found;
}

function connect(graph: Graph, edge: ControllerDependencyEdge, resource: string, label: string): void {
  const style = EDGE_STYLES[edge.edgeType] ?? 'solid';
  const attributes: Record<string, string> = label === '' ? { style } : { label, style };
  if (edge.edgeType === DependencyEdgeType.MANAGES) graph.edge(edge.controllerName, resource, attributes);
  else graph.edge(resource, edge.controllerName, attributes);
}

const typeName = (edge: ControllerDependencyEdge): string => `${edge.resourceNamespace}:${edge.resourceType}`;
const resourceKey = (type: string, id: string): string => `${type}/${id}`;
