import type { Sequence } from '../sequence.ts';

/** Putting the system on a disk; a machine without disks of its own has nothing to install (sequences-and-services.md §2.5). */
export function installSequence(): Sequence {
  return { name: 'install', locks: true, repeatsFailedPhases: false, phases: [] };
}
