import type { Clock } from '../lib/clock.ts';
import { errorList, errorMessage, TalosdError } from '../lib/errors.ts';

const LOOK_AGAIN = 1_000;

/** Something a service waits for before it starts. */
export interface Condition {
  /** As in `service "networkd" to be "up"`. */
  readonly text: string;
  isMet(): boolean;
  /** Resolves once met; rejects when it cannot be, or with the signal's reason. */
  wait(signal: AbortSignal): Promise<void>;
}

/** What a stopped service's waiting ends with. */
export function stopReason(): TalosdError {
  return new TalosdError('canceled', 'context canceled');
}

/** A condition that is looked at every second, such as a file's existence. */
export function polledCondition(text: string, clock: Clock, look: () => Promise<boolean>): Condition {
  let met = false;
  return {
    text,
    isMet: () => met,
    wait: async signal => {
      for (;;) {
        met = await look();
        if (met) return;
        await clock.sleep(LOOK_AGAIN, signal);
      }
    },
  };
}

/**
 * Waits until every condition was met. `tell` gets the texts of all of them first, then, looking once a second, of those
 * that are left whenever that list has changed (sequences-and-services.md §3.5).
 *
 * Rejects with `context canceled` when `stop` aborts, else with the collected failures after all have ended.
 */
export async function waitForAll(
  conditions: readonly Condition[],
  clock: Clock,
  stop: AbortSignal,
  tell: (texts: string) => void,
): Promise<void> {
  let told = conditions.map(({ text }) => text).join(', ');
  tell(told);

  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(LOOK_AGAIN, ended.signal).catch(error => {
        if (!ended.signal.aborted) throw error;
      });
      const left = conditions.filter(condition => !condition.isMet()).map(({ text }) => text);
      if (ended.signal.aborted || left.length === 0 || left.join(', ') === told) continue;
      told = left.join(', ');
      tell(told);
    }
  })();
  const outcomes = await Promise.allSettled(conditions.map(condition => condition.wait(stop)));
  ended.abort();
  await watching;

  if (stop.aborted) throw stopReason();
  const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [errorMessage(outcome.reason)] : []));
  if (failures.length > 0) throw new TalosdError('unknown', errorList(failures));
}
