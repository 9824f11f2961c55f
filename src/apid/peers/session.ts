import type { ClientHttp2Session } from 'node:http2';
import type { Clock } from '../../lib/clock.ts';

const KEEPALIVE_MILLISECONDS = 10_000;
const PING_TIMEOUT_MILLISECONDS = 5_000;
const IDLE_MILLISECONDS = 5 * 60_000;

/**
 * An open connection to another node: pinged every ten seconds, dropped when a ping stays unanswered, when the other
 * side says it goes away and the last call has ended, or after minutes without a call.
 */
export class PeerSession {
  readonly http2: ClientHttp2Session;
  readonly #clock: Clock;
  readonly #onClosed: () => void;
  #calls = 0;
  #isRetired = false;
  #lastUse: number;
  #stopTimer: () => void = () => {};

  constructor(http2: ClientHttp2Session, clock: Clock, onClosed: () => void) {
    this.http2 = http2;
    this.#clock = clock;
    this.#onClosed = onClosed;
    this.#lastUse = clock.now();
    http2.unref();
    http2.on('error', () => http2.destroy()); // calls on it see their streams fail
    http2.once('goaway', () => this.retire());
    http2.once('close', () => {
      this.#stopTimer();
      this.#isRetired = true;
      this.#onClosed();
    });
    this.#schedulePing();
  }

  get isUsable(): boolean {
    return !this.#isRetired && !this.http2.closed && !this.http2.destroyed;
  }

  /** A call begins. */
  enter(): void {
    this.#calls++;
  }

  /** A call has ended. */
  leave(): void {
    this.#calls--;
    this.#lastUse = this.#clock.now();
    if (this.#isRetired && this.#calls === 0) this.close();
  }

  /** Takes no new call; closes when the running ones have ended. */
  retire(): void {
    this.#isRetired = true;
    if (this.#calls === 0) this.close();
  }

  close(): void {
    this.#stopTimer();
    this.http2.destroy();
  }

  #schedulePing(): void {
    this.#stopTimer = this.#clock.after(KEEPALIVE_MILLISECONDS, () => this.#ping());
  }

  #ping(): void {
    if (this.#calls === 0 && this.#clock.now() - this.#lastUse >= IDLE_MILLISECONDS) {
      this.close();
      return;
    }
    this.#stopTimer = this.#clock.after(PING_TIMEOUT_MILLISECONDS, () => this.http2.destroy());
    const isSent = this.http2.ping(error => {
      this.#stopTimer();
      if (error) this.http2.destroy();
      else this.#schedulePing();
    });
    if (!isSent) this.http2.destroy();
  }
}
