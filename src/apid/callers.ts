import type { Clock } from '../lib/clock.ts';

/** The ends of a connection: who called, and at which of our addresses. */
export interface Caller {
  readonly peer: string;
  readonly local: string;
}

interface Known extends Caller {
  /** Connections that are open now. */
  open: number;
  /** When it was last heard of, monotonic nanoseconds. */
  last: bigint;
}

/** More are not remembered: whoever was heard of longest ago is forgotten first. */
const MOST = 1000;

/** Remembers who called this node from other machines, every one of them with a certificate of the cluster. */
export class Callers {
  readonly #clock: Clock;
  readonly #isOwn: (address: string) => boolean;
  readonly #known = new Map<string, Known>();
  readonly #listeners = new Set<(peer: string) => void>();

  /** `isOwn` says which addresses are this machine's. */
  constructor(options: { readonly clock: Clock; readonly isOwn: (address: string) => boolean }) {
    this.#clock = options.clock;
    this.#isOwn = options.isOwn;
  }

  /** A connection has been opened; the returned function says that it has ended. */
  connected(caller: Caller): () => void {
    if (this.#isOwn(caller.peer)) return () => {};
    const known = this.#touch(caller);
    known.open++;
    return () => {
      known.open--;
      known.last = this.#clock.monotonic();
    };
  }

  /** A call has come in, over the TLS port or the unix socket. */
  called(peer: string): void {
    if (peer === 'unix' || this.#isOwn(peer)) return;
    for (const listener of [...this.#listeners]) listener(peer);
  }

  /** Calls back at each call from another machine; the returned function ends that. */
  onCall(listener: (peer: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Those who were connected in the last so many milliseconds. */
  recent(milliseconds: number): Caller[] {
    const since = this.#clock.monotonic() - BigInt(milliseconds) * 1_000_000n;
    return [...this.#known.values()]
      .filter(({ open, last }) => open > 0 || last >= since)
      .map(({ peer, local }) => ({ peer, local }));
  }

  #touch({ peer, local }: Caller): Known {
    const key = `${peer} ${local}`;
    const known = this.#known.get(key) ?? { peer, local, open: 0, last: 0n };
    known.last = this.#clock.monotonic();
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size > MOST) this.#forget();
    return known;
  }

  #forget(): void {
    for (const [key, { open }] of this.#known) {
      if (open > 0) continue;
      this.#known.delete(key);
      return;
    }
  }
}
