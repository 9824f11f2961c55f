import type { ClientHttp2Session } from 'node:http2';
import type { Clock } from '../../lib/clock.ts';
import type { ForwardedCall, PeerNodes } from '../router.ts';
import { statusError } from '../status.ts';
import { callOn, NotStartedError } from './call.ts';
import { dial, type PeerCredentials } from './dial.ts';
import { APID_PORT, bareHost } from './errors.ts';
import { PeerSession } from './session.ts';

export interface PeerPoolOptions {
  /** The node's current leaf, its key, and the CAs it believes; asked at each new connection. */
  credentials(): PeerCredentials;
  readonly clock: Clock;
  /** Where apid listens on other nodes; 50000 everywhere but in tests. */
  readonly port?: number;
  /** Bound of connect and handshake. Default 5 s. */
  readonly dialTimeoutMilliseconds?: number;
}

const DIAL_TIMEOUT_MILLISECONDS = 5000;
const FIRST_BACKOFF_MILLISECONDS = 250;
const LONGEST_BACKOFF_MILLISECONDS = 3000;

/**
 * Connections to other nodes' apid, one for each target text, opened by the first call and dropped after minutes
 * without one. A node that cannot be reached answers fast with its last error until its back-off is over.
 *
 * A target's life: idle → dialling → open → (idle for minutes, lost, or refused) → idle; dialling → failed for a
 * back-off of a quarter second to three seconds → idle.
 */
export class PeerPool implements PeerNodes {
  readonly #options: PeerPoolOptions;
  readonly #targets = new Map<string, Target>();

  constructor(options: PeerPoolOptions) {
    this.#options = options;
  }

  /** Targets with a connection, an attempt or a back-off now. */
  get size(): number {
    return this.#targets.size;
  }

  async *call(call: ForwardedCall): AsyncGenerator<Buffer> {
    const { clock } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const session = await abortable(this.#session(call.target), call.signal);
      session.enter();
      try {
        yield* callOn(session.http2, call, clock.now());
        return;
      } catch (error) {
        if (!(error instanceof NotStartedError)) throw error;
        session.retire();
        if (attempt === 2) throw statusError('unavailable', 'connection closed');
      } finally {
        session.leave();
      }
    }
  }

  /** Drops every connection. */
  close(): void {
    for (const target of this.#targets.values()) target.close();
    this.#targets.clear();
  }

  #session(name: string): Promise<PeerSession> {
    let target = this.#targets.get(name);
    if (!target) {
      target = new Target(name, this.#options, () => this.#targets.delete(name));
      this.#targets.set(name, target);
    }
    return target.session();
  }
}

/** One target: at most one connection, attempt or back-off. */
class Target {
  readonly #name: string;
  readonly #options: PeerPoolOptions;
  readonly #onIdle: () => void;
  #current: Promise<PeerSession> | undefined;
  #open: PeerSession | undefined;
  #failures = 0;
  #stopTimer: () => void = () => {};
  #isClosed = false;

  constructor(name: string, options: PeerPoolOptions, onIdle: () => void) {
    this.#name = name;
    this.#options = options;
    this.#onIdle = onIdle;
  }

  session(): Promise<PeerSession> {
    if (this.#open?.isUsable) return this.#current!;
    if (this.#open) this.#forget();
    if (!this.#current) {
      this.#current = this.#dial();
      this.#current.catch(() => {}); // every caller sees it; a caller that has gone must not end the process
    }
    return this.#current;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopTimer();
    this.#open?.close();
  }

  async #dial(): Promise<PeerSession> {
    const { credentials, clock, port = APID_PORT, dialTimeoutMilliseconds } = this.#options;
    this.#stopTimer();
    try {
      const http2 = await dial({
        host: bareHost(this.#name),
        port,
        credentials: credentials(),
        clock,
        timeoutMilliseconds: dialTimeoutMilliseconds ?? DIAL_TIMEOUT_MILLISECONDS,
      });
      return this.#opened(http2);
    } catch (error) {
      this.#failed();
      throw error;
    }
  }

  #opened(http2: ClientHttp2Session): PeerSession {
    this.#failures = 0;
    const session = new PeerSession(http2, this.#options.clock, () => {
      if (this.#open !== session) return;
      this.#forget();
      this.#onIdle();
    });
    if (this.#isClosed) session.close();
    this.#open = session;
    return session;
  }

  #forget(): void {
    this.#open = undefined;
    this.#current = undefined;
  }

  /** Keeps the rejected attempt as the answer until the back-off is over; the target itself is kept a little longer. */
  #failed(): void {
    const { clock } = this.#options;
    const backoff = Math.min(LONGEST_BACKOFF_MILLISECONDS, FIRST_BACKOFF_MILLISECONDS * 2 ** this.#failures++);
    if (this.#isClosed) return;
    this.#stopTimer = clock.after(backoff, () => {
      this.#current = undefined;
      this.#stopTimer = clock.after(LONGEST_BACKOFF_MILLISECONDS, () => this.#onIdle());
    });
  }
}

/** `promise`, or the reason of `signal` when that comes first. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
