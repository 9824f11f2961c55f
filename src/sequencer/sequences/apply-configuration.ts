import { type NodeActions, phaseOf, phases } from '../actions.ts';
import type { Sequence } from '../sequence.ts';
import { rebootPhases } from './reboot.ts';

/** Keeps a new config and starts anew with it (sequences-and-services.md §2.5). `saveConfig` of `node` is that of the new config. */
export function applyConfigurationSequence(node: NodeActions): Sequence {
  return {
    name: 'applyConfiguration',
    locks: true,
    repeatsFailedPhases: false,
    phases: phases(phaseOf('saveConfig', node, 'saveConfig'), ...rebootPhases(node)),
  };
}
