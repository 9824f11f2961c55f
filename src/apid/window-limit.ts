import type { Clock } from '../lib/clock.ts';

export interface WindowLimitOptions {
  readonly clock: Clock;
  /** How many pass in a window. */
  readonly burst: number;
  readonly windowMilliseconds: number;
  /** Told at the end of a window in which more than `burst` came. */
  onSuppressed(count: number): void;
}

/** Lets the first few of a window pass and counts the rest. A window begins with the first that comes. */
export class WindowLimit {
  readonly #options: WindowLimitOptions;
  #seen = 0;
  #stopTimer: (() => void) | undefined;

  constructor(options: WindowLimitOptions) {
    this.#options = options;
  }

  allow(): boolean {
    const { clock, windowMilliseconds, burst } = this.#options;
    this.#stopTimer ??= clock.after(windowMilliseconds, () => this.close());
    this.#seen++;
    return this.#seen <= burst;
  }

  /** Ends the window now. */
  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    const suppressed = this.#seen - this.#options.burst;
    this.#seen = 0;
    if (suppressed > 0) this.#options.onSuppressed(suppressed);
  }
}
