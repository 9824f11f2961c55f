import type {
  EventType,
  GetRequest,
  GetResponse,
  ListRequest,
  ListResponse,
  Resource as ResourceMessage,
  WatchRequest,
  WatchResponse,
} from '../../gen/resource/resource.ts';
import { TalosdError } from '../../lib/errors.ts';
import { Namespaces } from '../../resources/meta/namespace.ts';
import { ResourceDefinitions } from '../../resources/meta/resource_definition.ts';
import { definitionId, type Registry } from '../../runtime/registry.ts';
import { type Resource, versionText } from '../../runtime/resource.ts';
import type { Store } from '../../runtime/store.ts';
import type { WatchEvent } from '../../runtime/watch.ts';
import type { StreamHandler, UnaryHandler } from '../handler.ts';

/** The calls of resource.ResourceService: reading only (spec/api.md §6). */
export interface ResourceHandlers {
  readonly get: UnaryHandler<GetRequest, GetResponse>;
  readonly list: StreamHandler<ListRequest, ListResponse>;
  readonly watch: StreamHandler<WatchRequest, WatchResponse>;
}

const EVENT_TYPES: Record<WatchEvent<unknown>['type'], EventType> = { created: 0, updated: 1, destroyed: 2 };

/** Makes the resource calls for one store and the types that are known in it. */
export function resourceHandlers(node: { readonly store: Store; readonly registry: Registry }): ResourceHandlers {
  const { store, registry } = node;

  const encode = (resource: Resource<unknown>): ResourceMessage => {
    const { namespace, type, id, version, phase, finalizers } = resource.metadata;
    const yaml = registry.yaml(resource);
    return {
      metadata: { namespace, type, id, version: versionText(version), phase, finalizers: [...finalizers] },
      spec: { yaml: Buffer.from(yaml.buffer, yaml.byteOffset, yaml.byteLength) },
    };
  };

  /** What a request means (spec/api.md §6.1): first the type is resolved, then the namespace. */
  const resolve = (request: { namespace: string; type: string }) => {
    const { type, defaultNamespace } = registry.resolve(request.type);
    const namespace = request.namespace || defaultNamespace;
    if (!store.find(Namespaces, namespace)) {
      throw new TalosdError('not_found', `namespace ${JSON.stringify(namespace)} is not registered`);
    }
    return { namespace, type, definition: encode(store.get(ResourceDefinitions, definitionId(type))) };
  };

  return {
    get: async request => {
      const { namespace, type, definition } = resolve(request);
      const resource = encode(store.getAt({ namespace, type, id: request.id }));
      return { messages: [{ metadata: undefined, definition, resource }] };
    },

    list: async function* (request) {
      const { namespace, type, definition } = resolve(request);
      yield { metadata: undefined, definition, resource: undefined };
      for (const resource of store.listAt(namespace, type)) {
        yield { metadata: undefined, definition: undefined, resource: encode(resource) };
      }
    },

    watch: async function* (request, { signal }) {
      const { namespace, type, definition } = resolve(request);
      yield { metadata: undefined, eventType: EVENT_TYPES.created, definition, resource: undefined };
      const events =
        request.id === ''
          ? store.watchKindAt(namespace, type, signal, true)
          : store.watchAt({ namespace, type, id: request.id }, signal);
      for await (const { type: eventType, resource } of events) {
        // A tombstone opens the watch of a missing id: nothing to show yet (spec/resources.md §15 row 6).
        if (resource.metadata.version === 0) continue;
        yield {
          metadata: undefined,
          eventType: EVENT_TYPES[eventType],
          definition: undefined,
          resource: encode(resource),
        };
      }
    },
  };
}
