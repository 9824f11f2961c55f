import { TalosdError } from '../../lib/errors.ts';
import { toJson } from './json.ts';

type Step =
  | { kind: 'key'; key: string }
  | { kind: 'index'; index: number }
  | { kind: 'all' }
  | { kind: 'filter'; path: readonly Step[]; operator: '==' | '!=' | 'exists'; value: unknown };

/** Evaluates a compiled template; what is missing is left out. */
export type JsonPath = (value: unknown) => string;

/**
 * Compiles a print column's template (spec/resources.md §5): text with paths in braces, as in `{.a.b}`, `{@}`,
 * `{.list[0]}`, `{.list[*].name}`, `{['odd key']}`, `{.list[?(@.type=="Ready")].status}`. Several matches are joined by a
 * space; a missing key gives nothing, where the original client fails (spec/resources.md §15 row 7).
 */
export function compileJsonPath(template: string): JsonPath {
  const parts: (string | readonly Step[])[] = [];
  let rest = template;
  while (rest !== '') {
    const open = rest.indexOf('{');
    if (open !== 0) parts.push(open < 0 ? rest : rest.slice(0, open));
    if (open < 0) break;
    const close = endOf(rest, open + 1, '}', template);
    parts.push(parseSteps(rest.slice(open + 1, close), template));
    rest = rest.slice(close + 1);
  }
  return value => parts.map(part => (typeof part === 'string' ? part : evaluate(part, value))).join('');
}

function evaluate(path: readonly Step[], value: unknown): string {
  return select(path, [value]).map(cellText).join(' ');
}

function select(path: readonly Step[], values: readonly unknown[]): readonly unknown[] {
  return path.reduce<readonly unknown[]>((current, step) => current.flatMap(value => apply(step, value)), values);
}

function apply(step: Step, value: unknown): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  const children = Object.values(value);
  switch (step.kind) {
    case 'key':
      return Object.hasOwn(value, step.key) ? [(value as Record<string, unknown>)[step.key]] : [];
    case 'index': {
      const at = step.index < 0 ? children.length + step.index : step.index;
      return Array.isArray(value) && at in value ? [value[at]] : [];
    }
    case 'all':
      return children;
    case 'filter':
      return children.filter(child => isMatch(step, child));
  }
}

function isMatch(step: Extract<Step, { kind: 'filter' }>, value: unknown): boolean {
  const found = select(step.path, [value]);
  if (step.operator === 'exists') return found.length > 0;
  return found.some(each => (cellText(each) === cellText(step.value)) === (step.operator === '=='));
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? toJson(value, null) : String(value);
}

function parseSteps(text: string, template: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = text.trim().replace(/^[$@]/, '');
  while (rest !== '' && rest !== '.') {
    const key = /^\.(?:([\w$-]+)|(\*))/.exec(rest);
    if (key) {
      steps.push(key[2] ? { kind: 'all' } : { kind: 'key', key: key[1]! });
      rest = rest.slice(key[0].length);
      continue;
    }
    if (!rest.startsWith('[')) throw malformed(template);
    const close = endOf(rest, 1, ']', template);
    steps.push(parseBracket(rest.slice(1, close).trim(), template));
    rest = rest.slice(close + 1);
  }
  return steps;
}

function parseBracket(text: string, template: string): Step {
  if (text === '*') return { kind: 'all' };
  if (/^-?\d+$/.test(text)) return { kind: 'index', index: Number(text) };
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return { kind: 'key', key: quoted[2]! };
  const filter = /^\?\(\s*@([^=!]*?)\s*(?:(==|!=)\s*(.+?)\s*)?\)$/s.exec(text);
  if (!filter) throw malformed(template);
  const operator = (filter[2] as '==' | '!=' | undefined) ?? 'exists';
  return { kind: 'filter', path: parseSteps(filter[1]!, template), operator, value: literal(filter[3], template) };
}

function literal(text: string | undefined, template: string): unknown {
  if (text === undefined) return undefined;
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted) return quoted[2];
  if (/^(true|false|-?\d+(\.\d+)?)$/.test(text)) return text;
  throw malformed(template);
}

/** Where the bracket that was opened before `from` closes, not counting what is quoted or nested. */
function endOf(text: string, from: number, close: string, template: string): number {
  let quote = '';
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const letter = text[at]!;
    if (quote) quote = letter === quote ? '' : quote;
    else if (letter === '"' || letter === "'") quote = letter;
    else if (depth === 0 && letter === close) return at;
    else if (letter === '[' || letter === '{') depth++;
    else if (letter === ']' || letter === '}') depth--;
  }
  throw malformed(template);
}

const malformed = (template: string) =>
  new TalosdError('invalid_argument', `unsupported JSONPath ${JSON.stringify(template)}`);
