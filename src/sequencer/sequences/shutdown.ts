import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Sequence } from '../sequence.ts';

/** Stops everything and powers off; in a container, ends the process (sequences-and-services.md §2.5). */
export function shutdownSequence(node: NodeActions): Sequence {
  return {
    name: 'shutdown',
    locks: true,
    repeatsFailedPhases: false,
    phases: phases(
      phaseOf('cleanup', node, 'stopNetworkd'),
      phaseOf('stopEverything', node, 'stopAllServices'),
      phaseOf('shutdown', node, 'shutdown'),
    ),
  };
}
