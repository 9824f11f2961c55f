import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Sequence } from '../sequence.ts';

/**
 * Stops everything, empties what belongs to this node and ends it (sequences-and-services.md §2.5). Runs beside anything
 * else: a node that hangs in its boot can be reset.
 */
export function resetSequence(node: NodeActions): Sequence {
  return {
    name: 'reset',
    locks: false,
    repeatsFailedPhases: false,
    phases: phases(
      phaseOf('stopEverything', node, 'stopAllServices'),
      phaseOf('reset', node, 'resetState'),
      phaseOf('shutdown', node, 'shutdown'),
    ),
  };
}
