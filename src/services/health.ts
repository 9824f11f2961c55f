import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { HealthStatus } from './state.ts';

/** How the health of a service is found out; times in milliseconds (sequences-and-services.md §3.2). */
export interface HealthCheck {
  /** Rejects with the text that clients read. Its signal aborts at the time limit and when the service stops. */
  check(signal: AbortSignal): Promise<void>;
  readonly initialDelay: number;
  readonly period: number;
  readonly timeout: number;
  /** Check at once when the service says that it runs, instead of after the initial delay: for parts of this process. */
  readonly onRunning?: boolean;
}

/** Settings of most services. */
export const defaultHealthTimes = { initialDelay: 1_000, period: 5_000, timeout: 500 } as const;

/** Remembers the last result and when it last turned over (sequences-and-services.md §3.7). */
export class Health {
  #status: HealthStatus = { unknown: true, healthy: false, lastMessage: '', lastChange: undefined };

  get status(): HealthStatus {
    return this.#status;
  }

  /** Forgets what was known: the service starts. */
  begin(now: number): void {
    this.#status = { unknown: true, healthy: false, lastMessage: 'Unknown', lastChange: now };
  }

  /** Takes a result, `undefined` being healthy. Says whether health turned over. */
  update(failure: string | undefined, now: number): boolean {
    const before = this.#status;
    const healthy = failure === undefined;
    const flipped = before.unknown || before.healthy !== healthy;
    this.#status = {
      unknown: false,
      healthy,
      lastMessage: failure ?? '',
      lastChange: flipped ? now : before.lastChange,
    };
    return flipped;
  }
}

/**
 * Checks again and again until `signal` aborts: first after the delay, then on a fixed beat that goes on through crashes
 * and restart pauses. A beat that comes while a check still runs is left out.
 */
export async function runHealthChecks(
  check: HealthCheck,
  options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    /** Resolves when the service first runs. */
    readonly running: Promise<void>;
    /** Gets the failure's text, or undefined for a success. */
    report(failure: string | undefined): void;
  },
): Promise<void> {
  const { clock, signal, running, report } = options;
  const early = new AbortController();
  if (check.onRunning) void running.then(() => early.abort());
  await pause(check.initialDelay, clock, AbortSignal.any([signal, early.signal]));

  const started = clock.monotonic();
  for (let beat = 0; !signal.aborted; ) {
    const failure = await checkOnce(check, clock, signal);
    if (signal.aborted) return;
    report(failure);
    const elapsed = Number(clock.monotonic() - started) / 1e6;
    do beat += check.period;
    while (beat <= elapsed);
    await pause(beat - elapsed, clock, signal);
  }
}

/** Sleeps, at most until `signal` aborts. */
async function pause(milliseconds: number, clock: Clock, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await clock.sleep(milliseconds, signal).catch(error => {
    if (!signal.aborted) throw error;
  });
}

async function checkOnce(check: HealthCheck, clock: Clock, signal: AbortSignal): Promise<string | undefined> {
  const limit = new AbortController();
  const stop = () => limit.abort(signal.reason);
  const cancel = clock.after(check.timeout, () =>
    limit.abort(new TalosdError('deadline_exceeded', 'context deadline exceeded')),
  );
  signal.addEventListener('abort', stop, { once: true });
  try {
    const cutOff = new Promise<never>((_, reject) => {
      limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true });
    });
    await Promise.race([check.check(limit.signal), cutOff]);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
  }
}
