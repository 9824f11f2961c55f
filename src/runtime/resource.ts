/** Whether a resource is in use or being torn down (spec/resources.md §1.2). */
export type Phase = 'running' | 'tearingDown';

/** What every resource has (spec/resources.md §1). Version 0 means "none": it is shown as `undefined`. */
export interface Metadata {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
  readonly version: number;
  readonly phase: Phase;
  /** A set in the order of insertion. */
  readonly finalizers: readonly string[];
}

/** One thing the node knows. Frozen from the moment the store has it; change it by storing a successor. */
export interface Resource<Spec> {
  readonly metadata: Metadata;
  readonly spec: Spec;
}

/** Stands for a resource that is not there: version 0, no spec (first event of a watch of a missing id). */
export type Tombstone = Resource<undefined>;

/** A column of `talosctl get` besides the fixed ones: its title and a Kubernetes JSONPath into the spec. */
export interface PrintColumn {
  readonly name: string;
  readonly jsonPath: string;
}

/**
 * Describes a type of resources. `Spec` appears only as something that is taken in, so the descriptor of a union can be
 * used as the descriptor of one of its members: `const EtcdRoot: ResourceType<EtcdRootSpec> = RootSecret`.
 */
export interface ResourceType<Spec> {
  /** Full name, `<PluralCamelCase>.<suffix>`. */
  readonly type: string;
  /** How logs name one: `<display>("<id>")` (spec/resources.md §1.3). */
  readonly display: string;
  readonly defaultNamespace: string;
  /** Aliases besides the derived ones, in their own case. */
  readonly aliases?: readonly string[];
  readonly printColumns?: readonly PrintColumn[];
  /** Whether this is a type of the v0.9 contract: those keep their short alias even where it is ambiguous. */
  readonly contract?: boolean;
  /** The spec as the API shows it (spec/api.md §6.2): 4-space indentation, keys in contract order. */
  toYaml(spec: Spec, id: string): string | Uint8Array;
  /** Whether two specs say the same; deep equality where absent. */
  equals?(a: Spec, b: Spec): boolean;
}

/** Where a resource lives. */
export interface Pointer {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
}

const NO_FINALIZERS: readonly string[] = Object.freeze([]);

/** A fresh resource: version 1, running, no finalizers. */
export function newResource<Spec>(
  type: ResourceType<Spec>,
  id: string,
  spec: Spec,
  namespace: string = type.defaultNamespace,
): Resource<Spec> {
  return {
    metadata: { namespace, type: type.type, id, version: 1, phase: 'running', finalizers: NO_FINALIZERS },
    spec,
  };
}

/** The successor of `resource` with another spec: version + 1. */
export function withSpec<Spec>(resource: Resource<Spec>, spec: Spec): Resource<Spec> {
  const { namespace, type, id, version, phase, finalizers } = resource.metadata;
  return { metadata: { namespace, type, id, version: version + 1, phase, finalizers }, spec };
}

/** The successor of `resource` with other metadata: version + 1. */
export function withMetadata<Spec>(
  resource: Resource<Spec>,
  change: Partial<Pick<Metadata, 'phase' | 'finalizers'>>,
): Resource<Spec> {
  return { metadata: { ...resource.metadata, ...change, version: resource.metadata.version + 1 }, spec: resource.spec };
}

/** The stand-in for a missing resource. */
export function tombstone({ namespace, type, id }: Pointer): Tombstone {
  return deepFreeze({
    metadata: { namespace, type, id, version: 0, phase: 'running' as const, finalizers: NO_FINALIZERS },
    spec: undefined,
  });
}

/** Version as text: decimal, or `undefined`. */
export function versionText(version: number): string {
  return version === 0 ? 'undefined' : String(version);
}

/** `<Type>(<namespace>/<id>@<version>)` (spec/resources.md §1.3). */
export function refText(pointer: Pointer, version = 0): string {
  return `${pointer.type}(${pointer.namespace}/${pointer.id}@${versionText(version)})`;
}

/** `v1alpha1.Service("etcd")`: how logs and finalizers name a resource (spec/resources.md §1.3). */
export function displayText(type: ResourceType<never>, id: string): string {
  return `${type.display}(${JSON.stringify(id)})`;
}

/** Freezes `value` and everything below it; what is frozen already is taken to be frozen all the way. Byte arrays cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value;
  for (const key in value) {
    const child = value[key];
    if (typeof child === 'object' && child !== null) deepFreeze(child);
  }
  return Object.freeze(value);
}

/** `deepFreeze` of a resource without looking at what is known of its shape: this is the store's hot path. */
export function freezeResource<Spec>(resource: Resource<Spec>): Resource<Spec> {
  const { metadata, spec } = resource;
  if (metadata.finalizers !== NO_FINALIZERS) Object.freeze(metadata.finalizers);
  Object.freeze(metadata);
  deepFreeze(spec);
  return Object.freeze(resource);
}
