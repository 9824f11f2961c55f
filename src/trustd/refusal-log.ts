import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { RefusedConnection } from './tls-listener.ts';

const WINDOW_MILLISECONDS = 10_000;

/**
 * Writes refused connections to a log, at most one line in ten seconds whatever knocks at the port: the first at once,
 * the rest of a window as a count at its end.
 */
export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  #open = false;
  #suppressed = 0;
  #last: RefusedConnection | undefined;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  readonly report = (refused: RefusedConnection): void => {
    this.#last = refused;
    if (this.#open) {
      this.#suppressed++;
      return;
    }
    this.#log.warn(refusedText(refused));
    this.#openWindow();
  };

  #openWindow(): void {
    this.#open = true;
    this.#suppressed = 0;
    this.#clock.after(WINDOW_MILLISECONDS, () => this.#closeWindow());
  }

  #closeWindow(): void {
    this.#open = false;
    if (this.#suppressed === 0 || !this.#last) return;
    const more = this.#suppressed === 1 ? '' : ` (and ${this.#suppressed - 1} more in the last 10s)`;
    this.#log.warn(`${refusedText(this.#last)}${more}`);
    this.#openWindow();
  }
}

function refusedText({ address, reason }: RefusedConnection): string {
  return `refused connection from ${address || 'unknown'}: ${reason}`;
}
