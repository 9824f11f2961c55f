/**
 * JSON of values that came from YAML: keys sorted, 4 spaces, big integers in full, and `<`, `>`, `&` escaped, as users of
 * `get -o json` know it (spec/resources.md §9.2). `indent` null writes it on one line.
 */
export function toJson(value: unknown, indent: string | null = ''): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(value) : 'null';
  if (typeof value !== 'object' || value === null) return escapeHtml(JSON.stringify(value ?? null));
  const deeper = indent === null ? null : `${indent}    `;
  const isList = Array.isArray(value);
  const items = isList
    ? value.map(item => toJson(item, deeper))
    : Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, item]) => `${toJson(key)}:${indent === null ? '' : ' '}${toJson(item, deeper)}`);
  const [open, close] = isList ? '[]' : '{}';
  if (items.length === 0) return `${open}${close}`;
  if (indent === null) return `${open}${items.join(',')}${close}`;
  return `${open}\n${items.map(item => deeper + item).join(',\n')}\n${indent}${close}`;
}

const ESCAPES: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};
const escapeHtml = (json: string): string => json.replace(/[<>&\u2028\u2029]/g, letter => ESCAPES[letter]!);
