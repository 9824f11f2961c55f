import { once } from 'node:events';
import type { Clock } from './clock.ts';

/** Resolves when `signal` aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** What `work` resolves to, or a rejection with the signal's reason as soon as it aborts. */
export function abortable<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Whether `work` ended in its time; what did not goes on alone, and how it ends then is nobody's concern. Rejects as it does. */
export async function endsWithin(work: Promise<unknown>, milliseconds: number, clock: Clock): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const stop = clock.after(milliseconds, () => late.resolve(false));
  work.catch(() => {}); // after its time nobody waits for it
  try {
    return await Promise.race([work.then(() => true as const), late.promise]);
  } finally {
    stop();
  }
}
