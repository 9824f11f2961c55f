import { parseDocument } from 'yaml';
import { TalosdError } from '../lib/errors.ts';
import { formatBytes } from './format.ts';
import { inlineText } from './yaml-scalar.ts';

/** One cluster in a talosconfig. `ca`, `crt` and `key` are PEM; missing ones are empty. */
export interface TalosconfigContext {
  readonly endpoints: readonly string[];
  readonly nodes: readonly string[];
  readonly ca: Uint8Array;
  readonly crt: Uint8Array;
  readonly key: Uint8Array;
}

/** The client's file (spec/machine-config.md §9): the context in use and all contexts by name. */
export interface Talosconfig {
  readonly context: string;
  readonly contexts: ReadonlyMap<string, TalosconfigContext>;
}

/** What a missing or empty file stands for. */
export const EMPTY_TALOSCONFIG: Talosconfig = { context: '', contexts: new Map() };

/** Reads a talosconfig; a legacy `target` joins the endpoints, unknown keys are passed over. */
export function parseTalosconfig(text: string): Talosconfig {
  const document = parseDocument(text, { schema: 'failsafe' });
  const problem = document.errors[0];
  if (problem) throw bad(problem.message.split('\n', 1)[0]!);
  const root = mapping(document.toJS() ?? {}, 'the file');
  const contexts = new Map<string, TalosconfigContext>();
  for (const [name, value] of Object.entries(mapping(root.contexts || {}, 'contexts'))) {
    const entry = mapping(value || {}, `context "${name}"`);
    const target = scalar(entry.target, `context "${name}": target`);
    contexts.set(name, {
      endpoints: [...texts(entry.endpoints, `context "${name}": endpoints`), ...(target ? [target] : [])],
      nodes: texts(entry.nodes, `context "${name}": nodes`),
      ca: base64(entry.ca, `context "${name}": ca`),
      crt: base64(entry.crt, `context "${name}": crt`),
      key: base64(entry.key, `context "${name}": key`),
    });
  }
  return { context: scalar(root.context, 'context'), contexts };
}

/** The text of a talosconfig, which holds a private key: write it with mode 0600. */
export function renderTalosconfig(config: Talosconfig): string {
  if (config.contexts.size === 0) return `context: ${inlineText(config.context)}\ncontexts: {}\n`;
  const lines = [`context: ${inlineText(config.context)}`, 'contexts:'];
  for (const [name, context] of [...config.contexts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`    ${inlineText(name)}:`, ...list('endpoints', context.endpoints));
    if (context.nodes.length > 0) lines.push(...list('nodes', context.nodes));
    for (const part of ['ca', 'crt', 'key'] as const)
      lines.push(`        ${part}: ${inlineText(formatBytes(context[part]))}`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * `base` with the contexts of `added`. A name that `base` has already gets `-1`, `-2`, … instead, and what `added`
 * uses becomes current (spec/machine-config.md §9). `renames` says which names changed.
 */
export function mergeTalosconfig(
  base: Talosconfig,
  added: Talosconfig,
): { config: Talosconfig; renames: ReadonlyMap<string, string> } {
  const contexts = new Map(base.contexts);
  const renames = new Map<string, string>();
  for (const [name, context] of added.contexts) {
    let free = name;
    for (let count = 1; contexts.has(free); count++) free = `${name}-${count}`;
    contexts.set(free, context);
    if (free !== name) renames.set(name, free);
  }
  const context = added.context === '' ? base.context : (renames.get(added.context) ?? added.context);
  return { config: { context, contexts }, renames };
}

function list(key: string, items: readonly string[]): string[] {
  if (items.length === 0) return [`        ${key}: []`];
  return [`        ${key}:`, ...items.map(item => `            - ${inlineText(item)}`)];
}

const bad = (message: string) => new TalosdError('invalid_argument', `talosconfig: ${message}`);

function mapping(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${what}: expected a mapping`);
  return value as Record<string, unknown>;
}

function scalar(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw bad(`${what}: expected a text`);
  return value;
}

function texts(value: unknown, what: string): string[] {
  if (value === undefined || value === '') return [];
  if (!Array.isArray(value)) throw bad(`${what}: expected a list`);
  return value.map(item => scalar(item, what));
}

function base64(value: unknown, what: string): Uint8Array {
  const text = scalar(value, what).replace(/\s/g, '');
  const decoded = Buffer.from(text, 'base64');
  if (decoded.toString('base64') !== text) throw bad(`${what}: expected base64`);
  return decoded;
}
