import type { MachineConfig } from './schema/config.ts';

/** What a node is; `join` is a worker (machine-config.md §4.2). */
export type MachineType = 'init' | 'controlplane' | 'join';

/** The words that `machine.type` may hold; absent and empty mean a worker (machine-config.md §15). */
export const MACHINE_TYPE_WORDS: readonly string[] = ['init', 'controlplane', 'join', 'worker'];

/** The node's type; every word but `init` and `controlplane` is a worker. */
export function machineType(config: MachineConfig): MachineType {
  const word = config.machine?.type;
  return word === 'init' || word === 'controlplane' ? word : 'join';
}

/** Whether the node runs the control plane. */
export function isControlPlane(config: MachineConfig): boolean {
  return machineType(config) !== 'join';
}
