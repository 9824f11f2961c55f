import { isScalarType, isZero, REDACTED, scalarJson, zeroValue } from './scalar-value.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import type { Field, ObjectType, ScalarType, Type } from './schema/types.ts';
import { inlineText, textStyle } from './yaml-scalar.ts';

/** How a config is written. */
export interface EncodeOptions {
  /** Doc comments and commented-out examples; on unless said otherwise. */
  comments?: boolean;
  /** Secrets as `******`. */
  redact?: boolean;
}

/**
 * Writes a machine config as YAML: four spaces a level, keys in the order of the schema, maps sorted by key, only what
 * spec/machine-config.md §3 does not omit. What it returns decodes to the same config, empty counting as absent.
 */
export function encodeConfig(config: MachineConfig, options: EncodeOptions = {}): string {
  const writer = new Writer(options.comments ?? true, options.redact ?? false);
  return `${writer.fields(machineConfig, config, '', writer.withComments).join('\n')}\n`;
}

type Section = Readonly<Record<string, unknown>>;

const INDENT = '    ';

class Writer {
  readonly withComments: boolean;
  readonly #redact: boolean;

  constructor(withComments: boolean, redact: boolean) {
    this.withComments = withComments;
    this.#redact = redact;
  }

  /** The lines of a mapping's fields, indented by `pad`. */
  fields(type: ObjectType, section: Section, pad: string, examples: boolean): string[] {
    const lines: string[] = [];
    for (const [key, field] of Object.entries(type.fields)) {
      const value = section[key];
      if (isWritten(field, value)) lines.push(...this.#field(key, field, value, pad, examples));
      else if (examples) lines.push(...exampleLines(key, field, pad));
    }
    return lines;
  }

  #field(key: string, field: Field, value: unknown, pad: string, examples: boolean): string[] {
    const { type } = field;
    if (isScalarType(type)) {
      const lines = this.#scalar(type, value ?? zeroValue(type), pad + INDENT, field.isSecret);
      const comment = this.withComments ? ` # ${field.doc}` : '';
      return [`${pad}${key}: ${lines[0]}${comment}`, ...lines.slice(1)];
    }
    const head = this.withComments ? [`${pad}# ${field.doc}`] : [];
    return [...head, ...this.#collection(key, type, value, pad, field.isSecret, examples)];
  }

  /** `key:` with the value of a list, map or mapping below it, or with `[]` or `{}` behind it. */
  #collection(key: string, type: Type, value: unknown, pad: string, isSecret: boolean, examples: boolean): string[] {
    const inner = pad + INDENT;
    if (type.kind === 'list') {
      const items = (value ?? []) as readonly unknown[];
      if (items.length === 0) return [`${pad}${key}: []`];
      return [`${pad}${key}:`, ...items.flatMap(item => this.#item(type.item, item, inner, isSecret))];
    }
    if (type.kind === 'map') {
      const entries = Object.entries((value ?? {}) as Section).sort(([a], [b]) => (a < b ? -1 : 1));
      if (entries.length === 0) return [`${pad}${key}: {}`];
      return [
        `${pad}${key}:`,
        ...entries.flatMap(([name, entry]) => this.#entry(inlineText(name), type.value, entry, inner, isSecret)),
      ];
    }
    const section = value as Section;
    if (!hasWrittenField(type as ObjectType, section))
      return [`${pad}${key}: {}`, ...this.#examples(type as ObjectType, inner, examples)];
    return [`${pad}${key}:`, ...this.fields(type as ObjectType, section, inner, examples)];
  }

  #examples(type: ObjectType, pad: string, wanted: boolean): string[] {
    return wanted ? Object.entries(type.fields).flatMap(([key, field]) => exampleLines(key, field, pad)) : [];
  }

  #entry(key: string, type: Type, value: unknown, pad: string, isSecret: boolean): string[] {
    if (!isScalarType(type)) return this.#collection(key, type, value, pad, isSecret, false);
    const lines = this.#scalar(type, value, pad + INDENT, isSecret);
    return [`${pad}${key}: ${lines[0]}`, ...lines.slice(1)];
  }

  #item(type: Type, value: unknown, pad: string, isSecret: boolean): string[] {
    if (isScalarType(type)) {
      const lines = this.#scalar(type, value, pad + INDENT, isSecret);
      return [`${pad}- ${lines[0]}`, ...lines.slice(1)];
    }
    if (type.kind !== 'object') throw new TypeError('the schema has no lists of lists or maps');
    if (!hasWrittenField(type, value as Section)) return [`${pad}- {}`];
    const lines = this.fields(type, value as Section, `${pad}  `, false);
    return [`${pad}- ${lines[0]!.slice(pad.length + 2)}`, ...lines.slice(1)];
  }

  /** The first line goes behind the key or dash, further ones stand on their own, indented by `pad`. */
  #scalar(type: ScalarType, value: unknown, pad: string, isSecret: boolean): string[] {
    if (isSecret && this.#redact && !isZero(type, value)) return [inlineText(REDACTED)];
    const shown = scalarJson(type, value);
    if (typeof shown !== 'string') return [String(shown)];
    if (type.kind === 'fileMode' || type.kind === 'size') return [shown];
    if (textStyle(shown) !== 'block') return [inlineText(shown)];
    const lines = shown.split('\n');
    const isEnded = lines.at(-1) === '';
    if (isEnded) lines.pop();
    return [isEnded ? '|' : '|-', ...lines.map(line => (line === '' ? '' : pad + line))];
  }
}

function isWritten(field: Field, value: unknown): boolean {
  if (field.written === 'always') return true;
  if (value === undefined || value === null) return false;
  return field.written === 'present' || !isEmpty(field.type, value);
}

/** Whether a value says no more than its absence: zero, no entries, or a mapping of such only. */
function isEmpty(type: Type, value: unknown): boolean {
  if (isScalarType(type)) return isZero(type, value);
  if (type.kind === 'list') return (value as readonly unknown[]).length === 0;
  if (type.kind === 'map') return Object.keys(value as Section).length === 0;
  return Object.entries(type.fields).every(([key, field]) => {
    const inner = (value as Section)[key];
    return inner === undefined || inner === null || isEmpty(field.type, inner);
  });
}

function hasWrittenField(type: ObjectType, section: Section): boolean {
  return Object.entries(type.fields).some(([key, field]) => isWritten(field, section[key]));
}

/** The commented-out example of an absent field: `# # doc`, then the YAML with a `# ` before each line. */
function exampleLines(key: string, field: Field, pad: string): string[] {
  if (field.example === undefined) return [];
  const isBlock = !isScalarType(field.type) && !/^[[{]/.test(field.example);
  const body = isBlock
    ? [`${key}:`, ...field.example.split('\n').map(line => INDENT + line)]
    : [`${key}: ${field.example}`];
  return [`# ${field.doc}`, ...body].map(line => `${pad}# ${line}`);
}
