import { TalosdError } from '../lib/errors.ts';
import type { Declaration } from './declaration.ts';

/** One edge of the graph of controllers and what they write and read (spec/resources.md §8). */
export interface DependencyEdge {
  readonly controller: string;
  readonly kind: 'manages' | 'strong' | 'weak';
  readonly namespace: string;
  readonly type: string;
  /** Empty for all ids. */
  readonly id: string;
}

/** Refuses a second writer of a (namespace, type), unless both share it (spec/resources.md §3.1). */
export function checkOutputs(controller: Declaration, others: readonly Declaration[]): void {
  for (const { namespace, type, kind } of controller.outputs) {
    for (const other of others) {
      const clash = other.outputs.find(output => output.namespace === namespace && output.type === type);
      if (!clash || (clash.kind === 'shared' && kind === 'shared')) continue;
      throw new TalosdError(
        'conflict',
        `error initializing controller "${controller.name}" adapter: error registering in dependency database: ` +
          `duplicate controller managed link: ("${namespace}", "${type}") -> "${other.name}"`,
      );
    }
  }
}

/**
 * All edges in the order of the inspect API (spec/api.md §6.5): what is managed by (namespace, type), then the inputs of
 * the `started` controllers by (controller, namespace, type, id).
 */
export function dependencyEdges(
  controllers: readonly Declaration[],
  started: readonly Declaration[],
): DependencyEdge[] {
  const manages = controllers.flatMap(({ name, outputs }) =>
    outputs.map(({ namespace, type }) => ({ controller: name, kind: 'manages' as const, namespace, type, id: '' })),
  );
  const inputs = started.flatMap(({ name, inputs }) =>
    inputs.map(({ namespace, type, id = '', kind }) => ({ controller: name, kind, namespace, type, id })),
  );
  return [
    ...manages.sort(by(edge => [edge.namespace, edge.type, edge.controller])),
    ...inputs.sort(by(edge => [edge.controller, edge.namespace, edge.type, edge.id])),
  ];
}

function by(keys: (edge: DependencyEdge) => readonly string[]): (a: DependencyEdge, b: DependencyEdge) => number {
  return (a, b) => {
    const left = keys(a);
    const right = keys(b);
    const at = left.findIndex((key, index) => key !== right[index]);
    return at < 0 ? 0 : left[at]! < right[at]! ? -1 : 1;
  };
}
