import { setTimeout as delay } from 'node:timers/promises';

/** Source of time. Everything that waits or stamps takes one, so that no test sleeps. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  now(): number;
  /** Monotonic clock, nanoseconds from an arbitrary start. */
  monotonic(): bigint;
  /** Resolves after `milliseconds`; rejects with the signal's reason when it aborts first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Runs `action` once after `milliseconds`; the returned function cancels. Does not keep the process alive. */
  after(milliseconds: number, action: () => void): () => void;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => process.hrtime.bigint(),
  sleep: async (milliseconds, signal) => {
    signal?.throwIfAborted();
    await delay(milliseconds, undefined, signal ? { signal } : undefined).catch(error => {
      signal?.throwIfAborted(); // Node's own error says only that there was a signal
      throw error;
    });
  },
  after: (milliseconds, action) => {
    const timer = setTimeout(action, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

interface Timer {
  at: number;
  action: () => void;
}

/** A clock that moves only when told to: `await clock.advance(5000)` runs everything due in those five seconds in order. */
export class FakeClock implements Clock {
  #time: number;
  #timers: Timer[] = [];

  constructor(startMilliseconds = Date.UTC(2026, 0, 1)) {
    this.#time = startMilliseconds;
  }

  now(): number {
    return this.#time;
  }

  monotonic(): bigint {
    // In two parts: as one number of nanoseconds it would be beyond what a double counts exactly.
    const whole = Math.floor(this.#time);
    return BigInt(whole) * 1_000_000n + BigInt(Math.round((this.#time - whole) * 1e6));
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal!.reason);
      };
      const cancel = this.after(milliseconds, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  after(milliseconds: number, action: () => void): () => void {
    const timer = { at: this.#time + milliseconds, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }

  /** Moves time forward, firing due timers in order and letting promise callbacks run between them. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#time + milliseconds;
    await settle();
    for (;;) {
      const next = this.#timers.filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter(timer => timer !== next);
      this.#time = Math.max(this.#time, next.at);
      next.action();
      await settle();
    }
    this.#time = end;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve));
}
