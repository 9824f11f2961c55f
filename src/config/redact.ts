import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Scalar } from 'yaml';
import { formatBytes } from './format.ts';
import { isScalarType, isZero, REDACTED } from './scalar-value.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import type { Type } from './schema/types.ts';

type Section = Readonly<Record<string, unknown>>;

/** A copy of `config` in which every secret (by the mark of the schema) reads `******`. */
export function redactConfig(config: MachineConfig): MachineConfig {
  return redactValue(machineConfig, config, false) as MachineConfig;
}

function redactValue(type: Type, value: unknown, isSecret: boolean): unknown {
  if (value === undefined) return undefined;
  if (isScalarType(type)) {
    if (!isSecret || isZero(type, value)) return value;
    return type.kind === 'bytes' ? new TextEncoder().encode(REDACTED) : REDACTED;
  }
  if (type.kind === 'list') return (value as unknown[]).map(item => redactValue(type.item, item, isSecret));
  const result: Record<string, unknown> = Object.create(null);
  for (const [key, item] of Object.entries(value as Section)) {
    const field = type.kind === 'object' ? type.fields[key] : { type: type.value, isSecret };
    if (field && item !== undefined) result[key] = redactValue(field.type, item, field.isSecret);
  }
  return result;
}

/** Every secret of `config` as it may appear in text: texts as they are, bytes as base64 and as the text they hold. */
export function secretsOf(config: MachineConfig): string[] {
  const found = new Set<string>();
  collect(machineConfig, config, false, found);
  return [...found];
}

function collect(type: Type, value: unknown, isSecret: boolean, found: Set<string>): void {
  if (value === undefined) return;
  if (isScalarType(type)) {
    if (!isSecret || isZero(type, value)) return;
    if (value instanceof Uint8Array) found.add(formatBytes(value)).add(Buffer.from(value).toString());
    else if (typeof value === 'string') found.add(value);
  } else if (type.kind === 'list') for (const item of value as unknown[]) collect(type.item, item, isSecret, found);
  else
    for (const [key, item] of Object.entries(value as Section)) {
      const field = type.kind === 'object' ? type.fields[key] : { type: type.value, isSecret };
      if (field) collect(field.type, item, field.isSecret, found);
    }
}

/** `text` with every occurrence of one of `secrets` as `******`, longest first so that no part of one remains. */
export function redactText(text: string, secrets: readonly string[]): string {
  const longestFirst = [...new Set(secrets)].filter(Boolean).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text);
}

/**
 * The raw text of a config document with the values of secret fields replaced by `******`; everything else, layout and
 * comments included, stays. Values that occur a second time, in a comment for instance, go as well. Of text that is no
 * YAML nothing is shown.
 */
export function redactDocument(text: string): string {
  const documents = [...parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: false })] as Document.Parsed[];
  if (documents.some(document => document.errors.length > 0)) return '# not shown: this is no YAML\n';
  const cuts: Cut[] = [];
  for (const document of documents) {
    const root = isMap(document.contents) ? document.contents.get('spec') : undefined;
    const isNested = isMap(document.contents) && !document.has('machine') && isMap(root);
    findSecrets(machineConfig, isNested ? root : document.contents, false, document, cuts);
  }
  const ordered = [...new Map(cuts.map(cut => [cut.start, cut])).values()].sort((a, b) => b.start - a.start);
  const shown = ordered.reduce((rest, cut) => rest.slice(0, cut.start) + cut.shown + rest.slice(cut.end), text);
  return redactText(
    shown,
    cuts.map(cut => cut.secret).filter(secret => secret.length >= 8),
  );
}

interface Cut {
  start: number;
  end: number;
  shown: string;
  secret: string;
}

/** Walks a document beside the schema and notes where the source text of each secret lies. */
function findSecrets(type: Type, node: unknown, isSecret: boolean, document: Document, cuts: Cut[]): void {
  const walk = (inner: Type, part: unknown, secret: boolean) => findSecrets(inner, part, secret, document, cuts);
  if (isAlias(node)) walk(type, node.resolve(document), isSecret);
  else if (isScalar(node)) {
    if (isSecret) cutScalar(node, cuts);
  } else if (isSeq(node)) {
    for (const item of node.items) walk(type.kind === 'list' ? type.item : type, item, isSecret);
  } else if (isMap(node)) {
    const target = type.kind === 'list' ? type.item : type;
    for (const { key, value } of node.items) {
      const field = fieldOf(target, isScalar(key) ? String(key.value) : '', isSecret);
      walk(field.type, value, field.isSecret);
    }
  }
}

function cutScalar(node: Scalar, cuts: Cut[]): void {
  const value = String(node.value ?? '');
  if (value === '' || !node.range) return;
  const isBlock = node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
  cuts.push({
    start: node.range[0],
    end: node.range[1],
    shown: `"${REDACTED}"${isBlock ? '\n' : ''}`,
    secret: value.trim(),
  });
}

/** What lies below a key: merge keys stand for the mapping itself, below unknown keys nothing is known. */
function fieldOf(type: Type, key: string, isSecret: boolean): { type: Type; isSecret: boolean } {
  if (key === '<<' || isScalarType(type)) return { type, isSecret };
  if (type.kind === 'map') return { type: type.value, isSecret };
  if (type.kind !== 'object') return { type, isSecret };
  const field = type.fields[key] ?? Object.values(type.fields).find(({ alias }) => alias === key);
  return field ?? { type: UNKNOWN, isSecret: false };
}

const UNKNOWN: Type = { kind: 'string' };
