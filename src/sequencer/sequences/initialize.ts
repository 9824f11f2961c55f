import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Sequence } from '../sequence.ts';

/** From process start to a known config (sequences-and-services.md §2.5). */
export function initializeSequence(node: NodeActions): Sequence {
  return {
    name: 'initialize',
    locks: true,
    repeatsFailedPhases: true,
    phases: phases(
      phaseOf('logger', node, 'setupLogger'),
      phaseOf('systemRequirements', node, 'writeRequiredSysctlsForContainer', 'setupSystemDirectory'),
      phaseOf('etc', node, 'createOSReleaseFile'),
      phaseOf('config', node, 'loadConfig'),
    ),
  };
}
