/** How waits grow: milliseconds, factor a failure, and the part of a wait by which it is spread at random. */
export interface BackoffOptions {
  readonly initial: number;
  readonly factor: number;
  readonly cap: number;
  /** 0.5 spreads each wait evenly between half and one and a half of itself. */
  readonly jitter: number;
}

/** Growing, randomised waits between tries. `reset` after a success. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #interval: number;

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
    this.#interval = options.initial;
  }

  /** Milliseconds to wait now; the next wait will be longer. */
  next(): number {
    const { factor, cap, jitter } = this.#options;
    const wait = this.#interval * (1 - jitter + 2 * jitter * this.#random());
    this.#interval = Math.min(this.#interval * factor, cap);
    return wait;
  }

  reset(): void {
    this.#interval = this.#options.initial;
  }
}
