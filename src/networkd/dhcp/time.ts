import type { Clock } from '../../lib/clock.ts';

/** The longest that a timer can be set for, milliseconds; what is later is looked at again then. */
const LONGEST = 24 * 3600 * 1000;

/** The monotonic clock in milliseconds: leases must not end because somebody sets the date. */
export function monotonicMilliseconds(clock: Clock): number {
  return Number(clock.monotonic()) / 1e6;
}

/** One timer that is set anew as plans change. It may ring early. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #cancel: () => void = () => {};

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings once at `at` of `monotonicMilliseconds`, or never where that is undefined or Infinity. */
  set(at: number | undefined): void {
    this.#cancel();
    if (at === undefined || at === Number.POSITIVE_INFINITY) return;
    const wait = Math.ceil(Math.max(0, at - monotonicMilliseconds(this.#clock)));
    this.#cancel = this.#clock.after(Math.min(wait, LONGEST), this.#ring);
  }

  clear(): void {
    this.#cancel();
  }
}
