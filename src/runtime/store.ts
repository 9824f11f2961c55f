import { isDeepStrictEqual } from 'node:util';
import { isConflictError, TalosdError } from '../lib/errors.ts';
import { Collection, type Entry, type Listener } from './collection.ts';
import {
  freezeResource,
  newResource,
  type Phase,
  type Pointer,
  type Resource,
  type ResourceType,
  refText,
  tombstone,
  withMetadata,
  withSpec,
} from './resource.ts';
import { Watch, type WatchEvent } from './watch.ts';

/** What `watchFor` waits for: everything that is set must hold at once. */
export interface WatchCondition<Spec> {
  readonly events?: readonly WatchEvent<Spec>['type'][];
  readonly phases?: readonly Phase[];
  readonly finalizersEmpty?: boolean;
  readonly condition?: (resource: Resource<Spec>) => boolean;
}

/**
 * Everything the node knows, in memory (spec/resources.md §2). Values are frozen when they are stored and handed out
 * as they are. All calls but the waiting ones are synchronous, so nothing happens between a read and the write after it.
 */
export class Store {
  readonly #namespaces = new Map<string, Map<string, Collection>>();

  /** The resource; throws `not_found`. */
  get<Spec>(type: ResourceType<Spec>, id: string, namespace = type.defaultNamespace): Resource<Spec> {
    return this.getAt({ namespace, type: type.type, id }) as Resource<Spec>;
  }

  /** The resource, or nothing. */
  find<Spec>(type: ResourceType<Spec>, id: string, namespace = type.defaultNamespace): Resource<Spec> | undefined {
    return this.#entry(namespace, type.type, id)?.resource as Resource<Spec> | undefined;
  }

  /** All resources of a type, sorted by id; empty where there are none. */
  list<Spec>(type: ResourceType<Spec>, namespace = type.defaultNamespace): readonly Resource<Spec>[] {
    return this.listAt(namespace, type.type) as readonly Resource<Spec>[];
  }

  /** `get` for a type known only by name. */
  getAt(pointer: Pointer): Resource<unknown> {
    const entry = this.#entry(pointer.namespace, pointer.type, pointer.id);
    if (!entry) throw notFound(pointer);
    return entry.resource;
  }

  /** `list` for a type known only by name. */
  listAt(namespace: string, type: string): readonly Resource<unknown>[] {
    return this.#namespaces.get(namespace)?.get(type)?.sorted() ?? [];
  }

  /** Whether the resource is there. */
  has({ namespace, type, id }: Pointer): boolean {
    return this.#entry(namespace, type, id) !== undefined;
  }

  /** Which controller made the resource; nothing where it was made by the node itself or is missing. */
  ownerOf({ namespace, type, id }: Pointer): string | undefined {
    return this.#entry(namespace, type, id)?.owner;
  }

  /** Stores a resource with the version that it carries; throws `already_exists`. */
  create<Spec>(resource: Resource<Spec>, owner?: string): Resource<Spec> {
    const { namespace, type, id, version } = resource.metadata;
    const collection = this.#collection(namespace, type);
    if (collection.entries.has(id)) {
      throw new TalosdError('already_exists', `resource ${refText(resource.metadata, version)} already exists`);
    }
    freezeResource(resource);
    collection.entries.set(id, { resource, owner });
    collection.publish('created', resource);
    return resource;
  }

  /** Replaces the resource if its version is `expected`; throws `not_found` or `conflict`. The phase does not matter. */
  update<Spec>(resource: Resource<Spec>, expected: number): Resource<Spec> {
    const { namespace, type, id, version } = resource.metadata;
    const collection = this.#collection(namespace, type);
    const entry = collection.entries.get(id);
    if (!entry) throw notFound(resource.metadata);
    const actual = entry.resource.metadata.version;
    if (version === expected) {
      throw conflict(resource, `same "${version}" version for new and existing objects`);
    }
    if (actual !== expected) throw conflict(resource, `expected version "${expected}", actual version "${actual}"`);
    freezeResource(resource);
    entry.resource = resource;
    collection.publish('updated', resource);
    return resource;
  }

  /** Creates, or replaces the spec whatever the version, even by an equal one: version + 1 and an event each time. */
  put<Spec>(type: ResourceType<Spec>, id: string, spec: Spec, namespace = type.defaultNamespace): Resource<Spec> {
    const current = this.find(type, id, namespace);
    if (!current) return this.create(newResource(type, id, spec, namespace));
    return this.update(withSpec(current, spec), current.metadata.version);
  }

  /** Creates, or replaces the spec by what `change` makes of it; an equal spec stores nothing (spec/resources.md §1.1). */
  modify<Spec>(
    type: ResourceType<Spec>,
    id: string,
    change: (current: Spec | undefined) => Spec,
    options: { namespace?: string; owner?: string } = {},
  ): Resource<Spec> {
    const namespace = options.namespace ?? type.defaultNamespace;
    const current = this.find(type, id, namespace);
    const spec = change(current?.spec);
    return this.#replace(type, current, spec) ?? this.create(newResource(type, id, spec, namespace), options.owner);
  }

  /**
   * `modify` of many at once, by id. `mayReplace` is asked before anything that is there is touched, with its owner, and
   * throws where it may not be.
   */
  modifyAll<Spec>(
    type: ResourceType<Spec>,
    specs: ReadonlyMap<string, Spec>,
    options: { namespace: string; owner: string; mayReplace?: (id: string, owner: string | undefined) => void },
  ): void {
    const { namespace, owner, mayReplace } = options;
    const { entries } = this.#collection(namespace, type.type);
    if (mayReplace) {
      for (const id of specs.keys()) {
        const entry = entries.get(id);
        if (entry) mayReplace(id, entry.owner);
      }
    }
    for (const [id, spec] of specs) {
      const current = entries.get(id)?.resource as Resource<Spec> | undefined;
      if (!this.#replace(type, current, spec)) this.create(newResource(type, id, spec, namespace), owner);
    }
  }

  /** Ids of a type in no order, those only that `owner` made where it is given. */
  idsAt(namespace: string, type: string, owner?: string): string[] {
    const entries = this.#namespaces.get(namespace)?.get(type)?.entries ?? new Map<string, Entry>();
    const ids: string[] = [];
    for (const [id, entry] of entries) if (owner === undefined || entry.owner === owner) ids.push(id);
    return ids;
  }

  /**
   * Read, change, write; again from the start when somebody else wrote meanwhile. `change` returns the successor
   * (`withSpec`, `withMetadata`), or the same resource to leave it alone.
   */
  async updateWithConflicts<Spec>(
    type: ResourceType<Spec>,
    id: string,
    change: (current: Resource<Spec>) => Resource<Spec> | Promise<Resource<Spec>>,
    namespace = type.defaultNamespace,
  ): Promise<Resource<Spec>> {
    for (;;) {
      const current = this.get(type, id, namespace);
      const next = await change(current);
      if (next === current) return current;
      try {
        return this.update(next, current.metadata.version);
      } catch (error) {
        if (!isConflictError(error) || next.metadata.version === current.metadata.version) throw error;
      }
    }
  }

  /** Removes the resource; throws `not_found`, or `conflict` while it has finalizers. The phase does not matter. */
  destroy(pointer: Pointer): void {
    const collection = this.#collection(pointer.namespace, pointer.type);
    const entry = collection.entries.get(pointer.id);
    if (!entry) throw notFound(pointer);
    const { metadata } = entry.resource;
    if (metadata.finalizers.length > 0) {
      const text = `resource ${refText(metadata, metadata.version)} has pending finalizers &[${metadata.finalizers.join(' ')}]`;
      throw new TalosdError('conflict', text);
    }
    collection.entries.delete(pointer.id);
    collection.publish('destroyed', entry.resource);
  }

  /** Marks the resource as being torn down; returns whether it can be destroyed now. */
  teardown(pointer: Pointer): boolean {
    const current = this.getAt(pointer);
    if (current.metadata.phase !== 'tearingDown') {
      this.update(withMetadata(current, { phase: 'tearingDown' }), current.metadata.version);
    }
    return current.metadata.finalizers.length === 0;
  }

  /** Adds finalizers that are not there yet; throws `not_found`. */
  addFinalizer(pointer: Pointer, ...finalizers: readonly string[]): void {
    const current = this.getAt(pointer);
    const all = new Set([...current.metadata.finalizers, ...finalizers]);
    this.#setFinalizers(current, [...all]);
  }

  /** Removes finalizers; throws `not_found`. */
  removeFinalizer(pointer: Pointer, ...finalizers: readonly string[]): void {
    const current = this.getAt(pointer);
    this.#setFinalizers(
      current,
      current.metadata.finalizers.filter(finalizer => !finalizers.includes(finalizer)),
    );
  }

  /** Events of one id: first its present state (a tombstone when it is missing), then every change. */
  watch<Spec>(type: ResourceType<Spec>, id: string, signal: AbortSignal, namespace?: string): Watch<Spec> {
    return this.watchAt({ namespace: namespace ?? type.defaultNamespace, type: type.type, id }, signal) as Watch<Spec>;
  }

  /** Events of a type; with `replay`, first everything there is as `created`, sorted by id. */
  watchKind<Spec>(
    type: ResourceType<Spec>,
    signal: AbortSignal,
    options: { namespace?: string; replay?: boolean } = {},
  ): Watch<Spec> {
    const namespace = options.namespace ?? type.defaultNamespace;
    return this.watchKindAt(namespace, type.type, signal, options.replay) as Watch<Spec>;
  }

  /** `watch` for a type known only by name. */
  watchAt(pointer: Pointer, signal: AbortSignal): Watch<unknown> {
    const { namespace, type, id } = pointer;
    const { entries, ring } = this.#collection(namespace, type);
    const resource = entries.get(id)?.resource;
    const first: WatchEvent<unknown> = resource
      ? { type: 'created', resource }
      : { type: 'destroyed', resource: tombstone(pointer) };
    return new Watch({ ring, subject: `${namespace}/${type}`, first: [first], id, signal });
  }

  /** `watchKind` for a type known only by name. */
  watchKindAt(namespace: string, type: string, signal: AbortSignal, replay = false): Watch<unknown> {
    const collection = this.#collection(namespace, type);
    const first: WatchEvent<unknown>[] = replay
      ? collection.sorted().map(resource => ({ type: 'created', resource }))
      : [];
    return new Watch({ ring: collection.ring, subject: `${namespace}/${type}`, first, signal });
  }

  /** Waits until an event of `id` meets every condition that is set; rejects with the signal's reason. */
  async watchFor<Spec>(
    type: ResourceType<Spec>,
    id: string,
    wanted: WatchCondition<Spec>,
    signal: AbortSignal,
    namespace?: string,
  ): Promise<Resource<Spec>> {
    for await (const event of this.watch(type, id, signal, namespace)) {
      if (meets(event, wanted)) return event.resource as Resource<Spec>;
    }
    throw signal.reason;
  }

  /** Calls `listener` with the id of every change of a (namespace, type), at once. The returned function ends that. */
  listen(namespace: string, type: string, listener: Listener): () => void {
    return this.#collection(namespace, type).listen(listener);
  }

  /** The resource with this spec, the same one where it says so already; nothing where there is none. */
  #replace<Spec>(
    type: ResourceType<Spec>,
    current: Resource<Spec> | undefined,
    spec: Spec,
  ): Resource<Spec> | undefined {
    if (!current) return undefined;
    const equal = type.equals ? type.equals(current.spec, spec) : isDeepStrictEqual(current.spec, spec);
    return equal ? current : this.update(withSpec(current, spec), current.metadata.version);
  }

  #setFinalizers(current: Resource<unknown>, finalizers: readonly string[]): void {
    if (finalizers.length === current.metadata.finalizers.length) return;
    this.update(withMetadata(current, { finalizers }), current.metadata.version);
  }

  #entry(namespace: string, type: string, id: string): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(type)?.entries.get(id);
  }

  #collection(namespace: string, type: string): Collection {
    return this.#namespaces.get(namespace)?.get(type) ?? this.#addCollection(namespace, type);
  }

  #addCollection(namespace: string, type: string): Collection {
    const types = this.#namespaces.get(namespace) ?? new Map<string, Collection>();
    const collection = new Collection();
    types.set(type, collection);
    this.#namespaces.set(namespace, types);
    return collection;
  }
}

function meets<Spec>(event: WatchEvent<Spec>, wanted: WatchCondition<Spec>): boolean {
  const { metadata, spec } = event.resource;
  if (wanted.events && !wanted.events.includes(event.type)) return false;
  if (wanted.phases && !wanted.phases.includes(metadata.phase)) return false;
  if (wanted.finalizersEmpty && metadata.finalizers.length > 0) return false;
  if (!wanted.condition) return true;
  return spec !== undefined && wanted.condition(event.resource as Resource<Spec>);
}

function notFound(pointer: Pointer): TalosdError {
  return new TalosdError('not_found', `resource ${refText(pointer)} doesn't exist`);
}

function conflict({ metadata }: Resource<unknown>, reason: string): TalosdError {
  return new TalosdError('conflict', `resource ${refText(metadata, metadata.version)} update conflict: ${reason}`);
}
