import { TalosdError } from '../lib/errors.ts';
import type { Resource, Tombstone } from './resource.ts';

/** One change. `destroyed` carries the last value, or a tombstone when it opens the watch of a missing id. */
export type WatchEvent<Spec> =
  | { readonly type: 'created' | 'updated'; readonly resource: Resource<Spec> }
  | { readonly type: 'destroyed'; readonly resource: Resource<Spec> | Tombstone };

/** How many changes of one (namespace, type) are kept for its watchers (spec/resources.md §2). */
export const RING_SIZE = 1000;

/** The last changes of one collection. Recorded only while somebody watches, so that old values do not linger. */
export class EventRing {
  readonly #events: (WatchEvent<unknown> | undefined)[] = [];
  readonly #watches = new Set<Watch<unknown>>();
  readonly #idle: Watch<unknown>[] = [];
  #next = 0;

  /** Number of the event that will be recorded next. */
  get next(): number {
    return this.#next;
  }

  get watched(): boolean {
    return this.#watches.size > 0;
  }

  record(event: WatchEvent<unknown>): void {
    this.#events[this.#next % RING_SIZE] = event;
    this.#next++;
    if (this.#idle.length === 0) return;
    for (const watch of this.#idle.splice(0)) watch.wake();
  }

  at(index: number): WatchEvent<unknown> {
    return this.#events[index % RING_SIZE]!;
  }

  /** Whether a reader that stands at `index` has lost events. */
  overrun(index: number): boolean {
    return this.#next - index >= RING_SIZE;
  }

  join(watch: Watch<unknown>): void {
    this.#watches.add(watch);
  }

  /** `watch` wants to be woken by the next event. */
  await(watch: Watch<unknown>): void {
    this.#idle.push(watch);
  }

  leave(watch: Watch<unknown>): void {
    this.#watches.delete(watch);
    // The next event, which would forget who waited for it, may be a long time coming.
    const waiting = this.#idle.indexOf(watch);
    if (waiting >= 0) this.#idle.splice(waiting, 1);
    if (this.#watches.size === 0) this.#events.length = 0;
  }
}

/** What a watch needs to know when it is opened. */
export interface WatchOptions {
  readonly ring: EventRing;
  /** Names the collection in error texts: `<namespace>/<type>`. */
  readonly subject: string;
  /** Delivered before anything else. */
  readonly first: readonly WatchEvent<unknown>[];
  /** Only events of this id. */
  readonly id?: string;
  readonly signal: AbortSignal;
}

/**
 * A reader of changes: `for await (const event of watch)`. Ends quietly when its signal aborts or the loop is left;
 * throws `resource_exhausted` when its reader has fallen 1000 changes behind (spec/resources.md §15 row 13).
 */
export class Watch<Spec> implements AsyncIterableIterator<WatchEvent<Spec>> {
  readonly #options: WatchOptions;
  readonly #onAbort = () => this.#close();
  #first: readonly WatchEvent<unknown>[];
  #firstIndex = 0;
  #index: number;
  #closed = false;
  #resolve: ((result: IteratorResult<WatchEvent<Spec>>) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #waiting: Promise<IteratorResult<WatchEvent<Spec>>> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#first = options.first;
    this.#index = options.ring.next;
    if (options.signal.aborted) {
      this.#closed = true;
      return;
    }
    options.ring.join(this as Watch<unknown>);
    options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchEvent<Spec>>> {
    if (this.#waiting) return this.#waiting;
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    try {
      const value = this.#take();
      if (value) return Promise.resolve({ value, done: false });
    } catch (error) {
      this.#close();
      return Promise.reject(error);
    }
    this.#waiting = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#options.ring.await(this as Watch<unknown>);
    return this.#waiting;
  }

  return(): Promise<IteratorResult<WatchEvent<Spec>>> {
    this.#close();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Called by the ring when something was recorded. */
  wake(): void {
    if (!this.#resolve || !this.#reject || this.#closed) return;
    try {
      const value = this.#take();
      if (value) this.#settle(this.#resolve, { value, done: false });
      else this.#options.ring.await(this as Watch<unknown>);
    } catch (error) {
      const reject = this.#reject;
      this.#settle(reject, error);
      this.#close();
    }
  }

  #take(): WatchEvent<Spec> | undefined {
    const { ring, id, subject } = this.#options;
    if (ring.overrun(this.#index)) {
      throw new TalosdError(
        'resource_exhausted',
        `watch of ${subject} ended: its reader is ${ring.next - this.#index} changes behind, at most ${RING_SIZE} are kept`,
      );
    }
    if (this.#firstIndex < this.#first.length) return this.#first[this.#firstIndex++] as WatchEvent<Spec>;
    if (this.#first.length > 0) this.#first = [];
    while (this.#index < ring.next) {
      const event = ring.at(this.#index++);
      if (id === undefined || event.resource.metadata.id === id) return event as WatchEvent<Spec>;
    }
    return undefined;
  }

  #settle<T>(settle: (value: T) => void, value: T): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.#waiting = undefined;
    settle(value);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#options.ring.leave(this as Watch<unknown>);
    if (this.#resolve) this.#settle(this.#resolve, { value: undefined, done: true });
  }
}
