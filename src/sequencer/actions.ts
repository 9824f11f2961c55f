import type { Phase, PowerCommand, Task, TaskContext } from './sequence.ts';

/** One domain call of a sequence. */
export type Action = (context: TaskContext) => Promise<PowerCommand | undefined | void>;

/**
 * What sequences ask of the node, by task name (sequences-and-services.md §2.6). An absent action belongs to a domain
 * that this platform does not have: its task is absent from every sequence, and a phase without tasks is left out.
 */
export interface NodeActions {
  readonly setupLogger: Action;
  readonly writeRequiredSysctlsForContainer?: Action;
  readonly setupSystemDirectory: Action;
  readonly createOSReleaseFile?: Action;
  readonly loadConfig: Action;
  readonly validateConfig: Action;
  readonly saveConfig: Action;
  readonly setUserEnvVars: Action;
  readonly setupVarDirectory: Action;
  readonly writeUserFiles?: Action;
  readonly writeUserSysctls?: Action;
  readonly startAllServices: Action;
  /** Stops the network service; what depends on it keeps running. */
  readonly stopNetworkd?: Action;
  readonly stopAllServices: Action;
  /** Empties what a reset empties here. */
  readonly resetState?: Action;
  /** Starts the agent anew in place, with the stored config. */
  readonly restartAgent?: Action;
  readonly reboot?: Action;
  readonly shutdown: Action;
}

/** No wait of a start-up for a person or for all services counts as hanging; it shows in `why` instead. */
const DEADLINES: Partial<Record<keyof NodeActions, number>> = {
  loadConfig: Number.POSITIVE_INFINITY,
  startAllServices: 15 * 60_000,
  stopAllServices: 60_000,
};

/** A phase of the named actions that exist; `undefined` when none does. */
export function phaseOf(name: string, actions: NodeActions, ...names: (keyof NodeActions)[]): Phase | undefined {
  const tasks = names.flatMap((action): Task[] => {
    const run = actions[action];
    return run ? [{ name: action, run, deadline: DEADLINES[action] }] : [];
  });
  return tasks.length > 0 ? { name, tasks } : undefined;
}

/** The phases that exist. */
export function phases(...candidates: (Phase | undefined)[]): Phase[] {
  return candidates.filter(phase => phase !== undefined);
}
