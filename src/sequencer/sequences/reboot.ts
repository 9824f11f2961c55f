import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Phase, Sequence } from '../sequence.ts';

/** Stops everything and starts the machine again (sequences-and-services.md §2.5). */
export function rebootSequence(node: NodeActions): Sequence {
  return { name: 'reboot', locks: true, repeatsFailedPhases: false, phases: rebootPhases(node) };
}

/** From a running node to its next start: the machine's where it has power of its own, else the agent's, in place. */
export function rebootPhases(node: NodeActions): Phase[] {
  return phases(
    phaseOf('cleanup', node, 'stopNetworkd'),
    phaseOf('stopEverything', node, 'stopAllServices'),
    phaseOf('reboot', node, node.reboot ? 'reboot' : 'restartAgent'),
  );
}
