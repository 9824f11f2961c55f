import type { Resource } from './resource.ts';
import { EventRing, type WatchEvent } from './watch.ts';

/** A resource and which controller made it (kept inside, never on the wire). */
export interface Entry {
  resource: Resource<unknown>;
  readonly owner: string | undefined;
}

/** Told of every change at once, in the same turn of the event loop. Must not throw. */
export type Listener = (id: string) => void;

/** All resources of one (namespace, type), their recent changes and who is told of them. */
export class Collection {
  readonly entries = new Map<string, Entry>();
  readonly ring = new EventRing();
  #listeners: readonly Listener[] = [];
  /** Until the next change: one turn of controllers lists the same more than once. */
  #sorted: readonly Resource<unknown>[] | undefined;

  publish(type: WatchEvent<unknown>['type'], resource: Resource<unknown>): void {
    this.#sorted = undefined;
    if (this.ring.watched) this.ring.record({ type, resource });
    const listeners = this.#listeners;
    for (let index = 0; index < listeners.length; index++) listeners[index]!(resource.metadata.id);
  }

  /** Everything, sorted by id. */
  sorted(): readonly Resource<unknown>[] {
    this.#sorted ??= [...this.entries.values()].map(entry => entry.resource).sort(byId);
    return this.#sorted;
  }

  listen(listener: Listener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter(other => other !== listener);
    };
  }
}

function byId(a: Resource<unknown>, b: Resource<unknown>): number {
  return a.metadata.id < b.metadata.id ? -1 : 1;
}
