import { isNotFoundError, TalosdError } from '../lib/errors.ts';
import type { Declaration, Output } from './declaration.ts';
import { type Pointer, type Resource, type ResourceType, refText } from './resource.ts';
import type { Store, WatchCondition } from './store.ts';

/**
 * The store as one controller may use it (spec/resources.md §3.2): it reads what it declared or writes, writes only its
 * outputs, and changes finalizers only of its strong inputs. Anything else throws `failed_precondition`.
 */
export class ControllerContext {
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal;
  /** Writes one line to the log of the controllers. */
  readonly log: (message: string) => void;
  /** Asks for another turn after this one. */
  readonly queueReconcile: () => void;
  readonly #store: Store;
  readonly #controller: Declaration;

  constructor(
    store: Store,
    controller: Declaration,
    hooks: { signal: AbortSignal; log: (message: string) => void; queueReconcile: () => void },
  ) {
    this.#store = store;
    this.#controller = controller;
    this.signal = hooks.signal;
    this.log = hooks.log;
    this.queueReconcile = hooks.queueReconcile;
  }

  /** The resource; throws `not_found`. */
  get<Spec>(type: ResourceType<Spec>, id: string, namespace = type.defaultNamespace): Resource<Spec> {
    this.#mayRead(namespace, type.type, id);
    return this.#store.get(type, id, namespace);
  }

  /** The resource, or nothing. */
  find<Spec>(type: ResourceType<Spec>, id: string, namespace = type.defaultNamespace): Resource<Spec> | undefined {
    this.#mayRead(namespace, type.type, id);
    return this.#store.find(type, id, namespace);
  }

  /** All resources of a type, sorted by id. */
  list<Spec>(type: ResourceType<Spec>, namespace = type.defaultNamespace): readonly Resource<Spec>[] {
    this.#mayRead(namespace, type.type);
    return this.#store.list(type, namespace);
  }

  /** Waits for an event of `id` that meets every condition. */
  async watchFor<Spec>(
    type: ResourceType<Spec>,
    id: string,
    wanted: WatchCondition<Spec>,
    namespace = type.defaultNamespace,
  ): Promise<Resource<Spec>> {
    this.#mayRead(namespace, type.type);
    return this.#store.watchFor(type, id, wanted, this.signal, namespace);
  }

  /** Creates, or replaces the spec by what `change` makes of it; an equal one stores nothing, an error aborts. */
  modify<Spec>(
    type: ResourceType<Spec>,
    id: string,
    change: (current: Spec | undefined) => Spec,
    namespace = type.defaultNamespace,
  ): Resource<Spec> {
    this.#mayWrite({ namespace, type: type.type, id }, 'update');
    return this.#store.modify(type, id, change, { namespace, owner: this.#controller.name });
  }

  /** `modify` for a spec that does not depend on the present one. */
  write<Spec>(type: ResourceType<Spec>, id: string, spec: Spec, namespace?: string): Resource<Spec> {
    return this.modify(type, id, () => spec, namespace);
  }

  /**
   * Makes `specs` (by id) all there is of an output: writes them and removes the rest, of a shared output only what this
   * controller created. What has finalizers is marked as being torn down and stays.
   */
  writeAll<Spec>(type: ResourceType<Spec>, specs: ReadonlyMap<string, Spec>, namespace = type.defaultNamespace): void {
    const owner = this.#controller.name;
    const isShared = this.#declared({ namespace, type: type.type, id: '' }, 'update').kind === 'shared';
    const mayReplace = (id: string, other: string | undefined) => {
      if (other !== owner) throw this.#notCreatedHere({ namespace, type: type.type, id }, 'update');
    };
    this.#store.modifyAll(type, specs, { namespace, owner, ...(isShared ? { mayReplace } : {}) });
    for (const id of this.#store.idsAt(namespace, type.type, isShared ? owner : undefined)) {
      if (!specs.has(id) && this.teardown(type, id, namespace)) this.destroy(type, id, namespace);
    }
  }

  /** Marks a resource as being torn down where it has finalizers; returns whether it can be destroyed. */
  teardown(type: ResourceType<never>, id: string, namespace = type.defaultNamespace): boolean {
    const pointer = { namespace, type: type.type, id };
    this.#mayWrite(pointer, 'teardown');
    if (this.#store.getAt(pointer).metadata.finalizers.length === 0) return true;
    return this.#store.teardown(pointer);
  }

  /** Removes a resource; throws `not_found`, or `conflict` while it has finalizers. */
  destroy(type: ResourceType<never>, id: string, namespace = type.defaultNamespace): void {
    const pointer = { namespace, type: type.type, id };
    this.#mayWrite(pointer, 'destroy');
    this.#store.destroy(pointer);
  }

  addFinalizer(pointer: Pointer, ...finalizers: readonly string[]): void {
    this.#mayFinalize(pointer);
    this.#store.addFinalizer(pointer, ...finalizers);
  }

  /** Removes finalizers; a missing resource is fine. */
  removeFinalizer(pointer: Pointer, ...finalizers: readonly string[]): void {
    this.#mayFinalize(pointer);
    try {
      this.#store.removeFinalizer(pointer, ...finalizers);
    } catch (error) {
      if (!isNotFoundError(error)) throw error;
    }
  }

  #mayRead(namespace: string, type: string, id?: string): void {
    if (this.#output(namespace, type)) return;
    const { name, inputs } = this.#controller;
    const isDeclared = inputs.some(
      input => input.namespace === namespace && input.type === type && (input.id === undefined || input.id === id),
    );
    if (!isDeclared) {
      throw refused(
        `attempt to query resource "${namespace}"/"${type}", not watched or managed by controller "${name}"`,
      );
    }
  }

  #mayWrite(pointer: Pointer, action: string): void {
    if (this.#declared(pointer, action).kind === 'exclusive') return;
    const owner = this.#store.ownerOf(pointer);
    if (owner !== this.#controller.name && this.#store.has(pointer)) throw this.#notCreatedHere(pointer, action);
  }

  /** The output that a write belongs to. */
  #declared({ namespace, type, id }: Pointer, action: string): Output {
    const output = this.#output(namespace, type);
    if (output) return output;
    const { name } = this.#controller;
    throw refused(
      `resource "${namespace}"/"${type}" is not managed by controller "${name}", ${action} attempted on "${id}"`,
    );
  }

  #notCreatedHere(pointer: Pointer, action: string): TalosdError {
    const { name } = this.#controller;
    return refused(`resource ${refText(pointer)} was not created by controller "${name}", ${action} attempted`);
  }

  #mayFinalize({ namespace, type, id }: Pointer): void {
    const { name, inputs } = this.#controller;
    const isStrong = inputs.some(
      input =>
        input.kind === 'strong' &&
        input.namespace === namespace &&
        input.type === type &&
        (input.id === undefined || input.id === id),
    );
    if (!isStrong) {
      throw refused(
        `attempt to change finalizers for resource "${namespace}"/"${type}", not watched with Strong dependency by controller "${name}"`,
      );
    }
  }

  #output(namespace: string, type: string): Output | undefined {
    return this.#controller.outputs.find(output => output.namespace === namespace && output.type === type);
  }
}

function refused(message: string): TalosdError {
  return new TalosdError('failed_precondition', message);
}
