import {
  Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  type YAMLMap,
  YAMLSeq,
} from 'yaml';
import { inlineText } from './yaml-scalar.ts';

/** One change of a document: the value at `path` set, put into a list before an entry, or taken out. */
export type Edit =
  | { readonly kind: 'set'; readonly path: readonly string[]; readonly node: Node }
  | { readonly kind: 'insert'; readonly path: readonly string[]; readonly node: Node }
  | { readonly kind: 'remove'; readonly path: readonly string[] };

/** A parsed document with its text. `document` was parsed with `keepSourceTokens`. */
export interface Source {
  readonly text: string;
  readonly document: Document;
  /** Columns a level. */
  readonly indent: number;
}

/**
 * Makes a change in the text of a document by cutting and pasting there, so that every other byte stays. Returns
 * undefined where that is not possible (aliases, flow collections, unusual layout). It aims at block layout as people
 * write it and is no proof: the caller reads the result back and compares.
 */
export function spliceEdit(source: Source, edit: Edit): string | undefined {
  const parents = trail(source.document, edit.path.slice(0, -1));
  const container = parents?.at(-1);
  const key = edit.path.at(-1);
  if (!parents || key === undefined || !container) return undefined;
  if (isMap(container)) return spliceMap(source, edit, container, key);
  return isSeq(container) ? spliceList(source, edit, container, Number(key)) : undefined;
}

/** The nodes from the root down to the one at `path`; undefined when an alias or nothing is in the way. */
function trail(document: Document, path: readonly string[]): unknown[] | undefined {
  const nodes: unknown[] = [document.contents];
  for (const key of path) {
    const parent = nodes.at(-1);
    if (isMap(parent)) nodes.push(findPair(parent, key)?.value);
    else if (isSeq(parent)) nodes.push(parent.items[Number(key)]);
    else return undefined;
  }
  return nodes;
}

function spliceMap(source: Source, edit: Edit, map: YAMLMap, key: string): string | undefined {
  const pair = findPair(map, key);
  if (edit.kind === 'remove')
    return pair && map.items.length > 1 ? removePair(source, map, pair) : emptied(source, edit);
  if (!pair) return map.flow ? grown(source, edit, key) : appendPair(source, map, key, edit.node);
  const old = pair.value as Node | null;
  const inline = inlineOf(edit.node);
  if (inline !== undefined && isInline(old)) return replaceRange(source.text, old!.range!, inline);
  const start = (pair.key as Node).range?.[0];
  const end = old?.range?.[1];
  if (map.flow || start === undefined || end === undefined) return undefined;
  return paste(source.text, start, end, renderPair(source, key, edit.node, columnOf(source.text, start)));
}

function spliceList(source: Source, edit: Edit, list: YAMLSeq, index: number): string | undefined {
  const { text } = source;
  if (edit.kind === 'set') {
    const old = list.items[index] as Node | undefined;
    const inline = inlineOf(edit.node);
    return inline !== undefined && isInline(old) ? replaceRange(text, old!.range!, inline) : undefined;
  }
  if (edit.kind === 'remove' && list.items.length === 1) return emptied(source, edit);
  if (list.flow) return list.items.length === 0 ? grown(source, edit, undefined) : undefined;
  const dashes = dashOffsets(list);
  if (edit.kind === 'remove') {
    const from = lineStart(text, dashes[index]!);
    if (text.slice(from, dashes[index]).trim() !== '') return undefined;
    return text.slice(0, from) + text.slice(nextLine(text, endOf(list.items[index], dashes[index]! + 1)));
  }
  const column = columnOf(text, dashes[0]!);
  const item = renderItem(source, edit.node, column);
  if (index >= list.items.length) return insertLines(text, endOf(list.items.at(-1), dashes.at(-1)! + 1), column, item);
  const from = lineStart(text, dashes[index]!);
  if (text.slice(from, dashes[index]).trim() !== '') return undefined;
  return `${text.slice(0, from)}${' '.repeat(column)}${item}\n${text.slice(from)}`;
}

/** A pair goes with its lines; the first one of a list entry leaves its place behind the dash to the next. */
function removePair(source: Source, map: YAMLMap, pair: Pair): string | undefined {
  const { text } = source;
  const start = (pair.key as Node).range?.[0];
  if (map.flow || start === undefined) return undefined;
  const from = lineStart(text, start);
  if (text.slice(from, start).trim() === '')
    return text.slice(0, from) + text.slice(nextLine(text, endOf(pair.value, start)));
  const next = map.items[map.items.indexOf(pair as YAMLMap['items'][number]) + 1]?.key as Node | undefined;
  return next?.range ? text.slice(0, start) + text.slice(next.range[0]) : undefined;
}

function appendPair(source: Source, map: YAMLMap, key: string, node: Node): string | undefined {
  const first = (map.items[0]?.key as Node | undefined)?.range?.[0];
  const last = map.items.at(-1);
  if (first === undefined || !last) return undefined;
  const column = columnOf(source.text, first);
  const end = endOf(last.value, (last.key as Node).range![1]);
  return insertLines(source.text, end, column, renderPair(source, key, node, column));
}

/** The last entry went: the collection becomes `{}` or `[]` where its text was. */
function emptied(source: Source, edit: Edit): string | undefined {
  const path = edit.path.slice(0, -1);
  const container = trail(source.document, path)?.at(-1);
  const node = isSeq(container) ? new YAMLSeq() : new Document({}).contents;
  if (!isCollection(container) || !node) return undefined;
  (node as YAMLSeq).flow = true;
  return spliceEdit(source, { kind: 'set', path, node: node as Node });
}

/** The first entry of an empty `{}` or `[]`: written as a block in its place. */
function grown(source: Source, edit: Edit, key: string | undefined): string | undefined {
  const path = edit.path.slice(0, -1);
  const container = trail(source.document, path)?.at(-1);
  if (edit.kind === 'remove' || !isCollection(container) || container.items.length > 0) return undefined;
  const block = key === undefined ? new YAMLSeq() : (new Document({}).contents as YAMLMap);
  if (key === undefined) (block as YAMLSeq).items.push(edit.node);
  else (block as YAMLMap).set(new Scalar(key), edit.node);
  block.flow = false;
  return spliceEdit(source, { kind: 'set', path, node: block as Node });
}

/** `key: value`, further lines indented by `column`. */
function renderPair(source: Source, key: string, node: Node, column: number): string {
  const inline = inlineOf(node);
  if (inline !== undefined) return `${inlineText(key)}: ${inline}`;
  const body = rendered(source, node);
  const pad = ' '.repeat(column);
  if (isScalar(node)) return `${inlineText(key)}: ${indented(body, pad)}`;
  return `${inlineText(key)}:\n${pad}${' '.repeat(source.indent)}${indented(body, pad + ' '.repeat(source.indent))}`;
}

function renderItem(source: Source, node: Node, column: number): string {
  const body = inlineOf(node) ?? rendered(source, node);
  return `- ${indented(body, ' '.repeat(column + (isScalar(node) ? 0 : 2)))}`;
}

function rendered(source: Source, node: Node): string {
  const document = new Document(null, { schema: 'failsafe' });
  document.contents = node.clone() as Node as never;
  return document.toString({ lineWidth: 0, indent: source.indent }).replace(/\n$/, '');
}

const indented = (body: string, pad: string): string => body.replace(/\n(?=[^\n])/g, `\n${pad}`);

/** A value that fits behind its key: a one-line text or an empty collection. */
function inlineOf(node: Node): string | undefined {
  if (isCollection(node)) return node.items.length > 0 ? undefined : isMap(node) ? '{}' : '[]';
  if (!isScalar(node) || node.anchor || node.tag) return undefined;
  if (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED) return undefined;
  return node.type === Scalar.PLAIN ? String(node.value) : inlineText(String(node.value));
}

/** Whether a value stands in one piece that a one-line value may take the place of. */
function isInline(node: Node | null | undefined): boolean {
  if (!node?.range || node.range[0] === node.range[1] || (node as Scalar).anchor || (node as Scalar).tag) return false;
  if (isScalar(node)) return node.type !== Scalar.BLOCK_LITERAL && node.type !== Scalar.BLOCK_FOLDED;
  return isCollection(node) && node.flow === true;
}

function dashOffsets(list: YAMLSeq): number[] {
  const token = list.srcToken;
  if (token?.type !== 'block-seq') return [];
  return token.items.map(item => item.start.find(part => part.type === 'seq-item-ind')?.offset ?? -1);
}

function findPair(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find(({ key: name }) => isScalar(name) && String(name.value ?? '') === key);
}

/** Where a value ends in the text, deep inside where it is a block: trailing comments of a collection stay out. */
function endOf(node: unknown, otherwise: number): number {
  if (isMap(node) && !node.flow) {
    const last = node.items.at(-1);
    return last ? endOf(last.value, (last.key as Node).range?.[1] ?? otherwise) : otherwise;
  }
  if (isSeq(node) && !node.flow) return endOf(node.items.at(-1), node.range?.[1] ?? otherwise);
  const range = (node as Node | null)?.range;
  return range ? Math.max(range[1], otherwise) : otherwise;
}

/** Puts `lines` on lines of their own behind the line in which `offset` lies. */
function insertLines(text: string, offset: number, column: number, lines: string): string {
  const at = nextLine(text, offset);
  const before = at > 0 && text[at - 1] !== '\n' ? `${text.slice(0, at)}\n` : text.slice(0, at);
  return `${before}${' '.repeat(column)}${lines}\n${text.slice(at)}`;
}

function paste(text: string, start: number, end: number, lines: string): string {
  return text.slice(0, start) + lines + (text[end - 1] === '\n' ? '\n' : '') + text.slice(end);
}

const replaceRange = (text: string, [start, end]: readonly number[], replacement: string): string =>
  text.slice(0, start) + replacement + text.slice(end);
const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1;
const columnOf = (text: string, offset: number): number => offset - lineStart(text, offset);

/** The start of the line after `offset`; a block scalar ends there already. */
function nextLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}
