import { parse } from 'yaml';
import { EventType, type Resource } from '../../gen/resource/resource.ts';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import { enumName } from './format.ts';
import { toJson } from './json.ts';
import { compileJsonPath, type JsonPath } from './jsonpath.ts';
import { formatTable } from './table.ts';

/** Shows resources in one of the forms of spec/resources.md §9.2. Each method returns the text to print now. */
export interface ResourceWriter {
  /** The type's definition, once or more often (each node sends its own). */
  definition(definition: Resource): string;
  resource(node: string, resource: Resource, event: EventType): string;
  /** What was kept back for the end. */
  flush(): string;
}

/** The writer for `-o`. Throws for a form that does not exist. */
export function createWriter(output: string, isWatch: boolean): ResourceWriter {
  switch (output) {
    case 'table':
      return new TableWriter(isWatch);
    case 'yaml':
      return new YamlWriter(isWatch);
    case 'json':
      return new JsonWriter(isWatch);
    default:
      throw new TalosdError('invalid_argument', `output format ${JSON.stringify(output)} is not supported`);
  }
}

const EVENT_MARKS: Record<number, string> = {
  [EventType.CREATED]: '+',
  [EventType.UPDATED]: ' ',
  [EventType.DESTROYED]: '-',
};

class TableWriter implements ResourceWriter {
  readonly #isWatch: boolean;
  #rows: string[][] = [];
  #displayType: string | undefined;
  #columns: readonly JsonPath[] = [];

  constructor(isWatch: boolean) {
    this.#isWatch = isWatch;
  }

  definition(definition: Resource): string {
    if (this.#displayType !== undefined) return '';
    const spec = mapping(readSpec(definition));
    this.#displayType = String(spec.displayType ?? '');
    const columns = (Array.isArray(spec.printColumns) ? spec.printColumns : []).map(mapping);
    this.#columns = columns.map(column => compileJsonPath(String(column.jsonPath ?? '')));
    const names = columns.map(column => String(column.name ?? '').toUpperCase());
    this.#rows.push(['NODE', ...(this.#isWatch ? ['*'] : []), 'NAMESPACE', 'TYPE', 'ID', 'VERSION', ...names]);
    return '';
  }

  resource(node: string, resource: Resource, event: EventType): string {
    const { namespace = '', id = '', version = '' } = resource.metadata ?? {};
    const spec = readSpec(resource);
    const marks = this.#isWatch ? [EVENT_MARKS[event] ?? '?'] : [];
    const cells = this.#columns.map(column => column(spec));
    this.#rows.push([node, ...marks, namespace, this.#displayType ?? '', id, version, ...cells]);
    return this.#isWatch ? this.flush() : '';
  }

  flush(): string {
    const text = formatTable(this.#rows);
    this.#rows = [];
    return text;
  }
}

class YamlWriter implements ResourceWriter {
  readonly #isWatch: boolean;
  #isFirst = true;

  constructor(isWatch: boolean) {
    this.#isWatch = isWatch;
  }

  definition(): string {
    return '';
  }

  resource(node: string, resource: Resource, event: EventType): string {
    const lines = this.#isFirst ? [] : ['---'];
    this.#isFirst = false;
    lines.push(`node: ${node}`);
    if (this.#isWatch) lines.push(`event: ${eventName(event)}`);
    const { namespace = '', type = '', id = '', version = '', phase = '', finalizers = [] } = resource.metadata ?? {};
    lines.push('metadata:', `    namespace: ${namespace}`, `    type: ${type}`, `    id: ${id}`);
    lines.push(`    version: ${version}`, `    phase: ${phase}`);
    if (finalizers.length > 0) lines.push('    finalizers:', ...finalizers.map(each => `        - ${each}`));
    const spec = specText(resource).replace(/\n$/, '').split('\n');
    return `${[...lines, 'spec:', ...spec.map(line => `    ${line}`)].join('\n')}\n`;
  }

  flush(): string {
    return '';
  }
}

class JsonWriter implements ResourceWriter {
  readonly #isWatch: boolean;

  constructor(isWatch: boolean) {
    this.#isWatch = isWatch;
  }

  definition(): string {
    return '';
  }

  resource(node: string, resource: Resource, event: EventType): string {
    const { namespace = '', type = '', id = '', version = '', phase = '', finalizers = [] } = resource.metadata ?? {};
    const metadata = {
      namespace,
      type,
      id,
      version: /^\d+$/.test(version) ? BigInt(version) : version,
      phase,
      ...(finalizers.length > 0 ? { finalizers } : {}),
    };
    const value = { node, metadata, spec: readSpec(resource), ...(this.#isWatch ? { event: eventName(event) } : {}) };
    return `${toJson(value)}\n`;
  }

  flush(): string {
    return '';
  }
}

const eventName = (event: EventType): string => enumName(EventType, event).toLowerCase();

function specText(resource: Resource): string {
  return Buffer.from(resource.spec?.yaml ?? []).toString();
}

function readSpec(resource: Resource): unknown {
  try {
    return parse(specText(resource), { intAsBigInt: true, maxAliasCount: 1000 });
  } catch (error) {
    const { namespace, type, id } = resource.metadata ?? {};
    const text = `the node sent an unreadable spec of ${type}(${namespace}/${id}): ${errorMessage(error).split('\n', 1)[0]}`;
    throw new TalosdError('unknown', text, { cause: error });
  }
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
