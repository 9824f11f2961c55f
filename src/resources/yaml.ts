/** What a spec is made of when it is written. `Map`s and objects keep their order; sort with `sortKeys`. */
export type YamlValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly YamlValue[]
  | ReadonlyMap<string, YamlValue>
  | { readonly [key: string]: YamlValue };

/** Any JSON, for what Kubernetes objects hold. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

const STEP = 4;
// Words and numbers that YAML readers take for something else than text, 1.1 and 1.2 together.
const OTHER_THAN_TEXT =
  /^(?:|~|<<|null|true|false|yes|no|on|off|y|n|[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[\da-f_]+|\d[\d_]*)|[-+]?(?:\.\d[\d_]*|\d[\d_]*(?:\.[\d_]*)?)(?:e[-+]?\d+)?|[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?|[-+]?\.(?:inf|nan)|\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?)$/i;
const UNPRINTABLE = /[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;
const NOT_PLAIN = /^[\s#,[\]{}&*!|>'"%@`]|^[-?:](?:\s|$)|^(?:---|\.\.\.)|:(?:\s|$)|\s#|\s$/;
const NOT_BLOCK = /^\s|[ \t]\n|[ \t]$/;

/**
 * Writes a spec the way the v0.9 API shows it (spec/api.md §6.2): four spaces a level, list items below their key,
 * texts plain where no reader can mistake them, in blocks where they have several lines, quoted otherwise.
 */
export function toYaml(value: YamlValue): string {
  const text = isCollection(value) ? collection(value, 0) : scalar(value, 0);
  return `${text}\n`;
}

/** The value with the keys of all its objects sorted, runs of digits compared as numbers (spec/resources.md §6). */
export function sortKeys(value: YamlValue): YamlValue {
  if (!isCollection(value)) return value;
  if (isList(value)) return value.map(sortKeys);
  const sorted = entries(value).sort(([a], [b]) => compareKeys(a, b));
  return new Map(sorted.map(([key, child]) => [key, sortKeys(child)]));
}

/** A block collection whose lines stand at `column`; the first line comes without its indentation. */
function collection(value: Collection, column: number): string {
  if (isList(value)) {
    if (value.length === 0) return '[]';
    return value.map(child => `- ${item(child, column)}`).join(`\n${' '.repeat(column)}`);
  }
  const pairs = entries(value);
  if (pairs.length === 0) return '{}';
  return pairs.map(([key, child]) => `${inline(key)}:${below(child, column)}`).join(`\n${' '.repeat(column)}`);
}

function item(value: YamlValue, column: number): string {
  return isCollection(value) ? collection(value, column + 2) : scalar(value, column);
}

function below(value: YamlValue, column: number): string {
  if (!isCollection(value)) return ` ${scalar(value, column)}`;
  const next = nextColumn(column);
  return isEmpty(value) ? ` ${collection(value, next)}` : `\n${' '.repeat(next)}${collection(value, next)}`;
}

/** Levels stand at multiples of four, also below the items of a list, which stand two columns in. */
function nextColumn(column: number): number {
  return column - (column % STEP) + STEP;
}

function scalar(value: YamlValue, column: number): string {
  if (typeof value !== 'string') return String(value);
  if (!value.includes('\n') || UNPRINTABLE.test(value) || NOT_BLOCK.test(value)) return inline(value);
  const body = value.replace(/\n+$/, '');
  const trailing = value.length - body.length;
  const header = trailing === 0 ? '|-' : trailing === 1 ? '|' : '|+';
  const pad = ' '.repeat(nextColumn(column));
  const lines = body.split('\n').map(line => (line === '' ? '' : pad + line));
  return `${header}\n${lines.join('\n')}${'\n'.repeat(Math.max(0, trailing - 1))}`;
}

function inline(text: string): string {
  if (UNPRINTABLE.test(text) || text.includes('\n') || OTHER_THAN_TEXT.test(text)) return quoted(text);
  return NOT_PLAIN.test(text) ? `'${text.replaceAll("'", "''")}'` : text;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u00a0\u2028\u2029\ufeff\ufffe\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

type Collection = readonly YamlValue[] | ReadonlyMap<string, YamlValue> | { readonly [key: string]: YamlValue };

function isCollection(value: YamlValue): value is Collection {
  return typeof value === 'object' && value !== null;
}

function isList(value: Collection): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function isEmpty(value: Collection): boolean {
  return isList(value) ? value.length === 0 : entries(value).length === 0;
}

function entries(value: Exclude<Collection, readonly YamlValue[]>): [string, YamlValue][] {
  return value instanceof Map ? [...value] : Object.entries(value as { [key: string]: YamlValue });
}

/** Letters after other characters, runs of digits by their number, then by their length. */
function compareKeys(a: string, b: string): number {
  const left = a.match(/\d+|\D/gu) ?? [];
  const right = b.match(/\d+|\D/gu) ?? [];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const order = compareParts(left[index]!, right[index]!);
    if (order !== 0) return order;
  }
  return left.length - right.length || (a < b ? -1 : Number(a > b));
}

function compareParts(a: string, b: string): number {
  if (/\d/.test(a) && /\d/.test(b)) return Number(BigInt(a) - BigInt(b)) || a.length - b.length;
  const letters = Number(/\p{L}/u.test(a)) - Number(/\p{L}/u.test(b));
  return letters || (a < b ? -1 : Number(a > b));
}
