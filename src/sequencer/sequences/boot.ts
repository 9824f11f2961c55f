import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Sequence } from '../sequence.ts';

/** From a known config to a node that serves (sequences-and-services.md §2.5). */
export function bootSequence(node: NodeActions): Sequence {
  return {
    name: 'boot',
    locks: true,
    repeatsFailedPhases: true,
    phases: phases(
      phaseOf('validateConfig', node, 'validateConfig'),
      phaseOf('saveConfig', node, 'saveConfig'),
      phaseOf('env', node, 'setUserEnvVars'),
      phaseOf('var', node, 'setupVarDirectory'),
      phaseOf('userSetup', node, 'writeUserFiles', 'writeUserSysctls'),
      phaseOf('startEverything', node, 'startAllServices'),
    ),
  };
}
