import { TalosdError } from '../lib/errors.ts';
import { type DefinitionSpec, deriveNames } from './definition.ts';
import type { Resource, ResourceType } from './resource.ts';

interface Registered {
  readonly type: ResourceType<never>;
  readonly definition: DefinitionSpec;
}

/** The types that the node knows, and the names by which clients ask for them (spec/resources.md §5, spec/api.md §6.1). */
export class Registry {
  readonly #types = new Map<string, Registered>();
  /** Lower-cased name → ids of the definitions that answer to it. */
  readonly #names = new Map<string, Set<string>>();

  /**
   * Adds a type and returns its definition. A type of ours gets a short alias only where that is free; a full-length
   * alias that is taken, or a type that is there already, is an error. Register the types of the contract first.
   */
  register(type: ResourceType<never>): DefinitionSpec {
    const { displayType, aliases, shortAliases } = deriveNames(type);
    const id = definitionId(type.type);
    const taken = type.contract ? [] : [id, ...aliases].filter(name => this.#names.has(name.toLowerCase()));
    if (this.#types.has(id) || taken.length > 0) {
      const names = taken.length > 0 ? taken.join(', ') : id;
      throw new TalosdError(
        'conflict',
        `resource type ${JSON.stringify(type.type)} can't be registered: ${names} taken`,
      );
    }
    const free = type.contract ? shortAliases : shortAliases.filter(alias => !this.#names.has(alias));
    const definition: DefinitionSpec = {
      type: type.type,
      displayType,
      aliases: [...aliases, ...free],
      printColumns: type.printColumns ?? [],
      defaultNamespace: type.defaultNamespace,
    };
    this.#types.set(id, { type, definition });
    for (const name of [id, ...definition.aliases]) this.#addName(name.toLowerCase(), id);
    return definition;
  }

  /** The one type that answers to `name` in any case; throws `not_found`, or `invalid_argument` where several do. */
  resolve(name: string): DefinitionSpec {
    const ids = [...(this.#names.get(name.toLowerCase()) ?? [])];
    if (ids.length === 0) throw new TalosdError('not_found', `resource ${JSON.stringify(name)} is not registered`);
    if (ids.length > 1) {
      const text = `resource type ${JSON.stringify(name)} is ambiguous: [${ids.sort().join(' ')}]`;
      throw new TalosdError('invalid_argument', text);
    }
    return this.#types.get(ids[0]!)!.definition;
  }

  /** The spec of a resource as the API shows it. Throws `internal` for a type that was never registered. */
  yaml(resource: Resource<unknown>): Uint8Array {
    const { type, id } = resource.metadata;
    const registered = this.#types.get(definitionId(type));
    if (!registered) throw new TalosdError('internal', `resource type ${JSON.stringify(type)} has no YAML form`);
    // The spec was stored under this very type, so it is what the descriptor takes.
    const yaml = registered.type.toYaml(resource.spec as never, id);
    return typeof yaml === 'string' ? Buffer.from(yaml) : yaml;
  }

  #addName(name: string, id: string): void {
    this.#names.set(name, (this.#names.get(name) ?? new Set()).add(id));
  }
}

/** Id of the definition of a type: its full name in lower case. */
export function definitionId(type: string): string {
  return type.toLowerCase();
}
