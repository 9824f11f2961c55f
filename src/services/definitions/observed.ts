import { TalosdError } from '../../lib/errors.ts';

/** A part that says of itself how it is. */
export interface Observed {
  /** Whether its first round of work is done. */
  isReady(): boolean;
  /** What is wrong now, in a few words; undefined when nothing is. */
  problem?(): string | undefined;
}

/** Fails with `<id> is not ready` or `<id> is unhealthy: <problem>` (sequences-and-services.md §3.2). */
export async function checkObserved(id: string, part: Observed): Promise<void> {
  if (!part.isReady()) throw new TalosdError('unavailable', `${id} is not ready`);
  const problem = part.problem?.();
  if (problem !== undefined) throw new TalosdError('unavailable', `${id} is unhealthy: ${problem}`);
}
