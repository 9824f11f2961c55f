import { type Operation, Pointer } from 'rfc6902';
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, Pair, Scalar, visit, YAMLMap, YAMLSeq } from 'yaml';
import { TalosdError } from '../lib/errors.ts';
import type { Edit } from './splice.ts';
import { plainJson, scalarFor } from './yaml-scalar.ts';

/** A JSON value, as a patch carries them. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What every error of a patch begins with (spec/machine-config.md §13.4). */
export const FAILURE = 'failure applying rfc6902 patches to talos machine config: ';

/** One document under change. Aliases and merge keys on the way to a changed place become copies of their own. */
export class PatchEditor {
  /** What was done, in order. */
  readonly edits: Edit[] = [];
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  apply(operation: Operation): void {
    const { op } = operation as { op: unknown };
    if (typeof op !== 'string' || !['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op))
      throw failure(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
    if (typeof operation.path !== 'string') throw failure(`${op} operation failed to decode path: missing value`);
    const { path } = operation;
    const value = (operation as { value?: Json }).value ?? null;
    if (operation.op === 'add') this.#add(op, path, this.#node(value));
    else if (operation.op === 'replace') this.#replace(path, this.#node(value));
    else if (operation.op === 'remove') this.#remove(op, path);
    else if (operation.op === 'test') this.#test(path, value);
    else {
      const { from } = operation as { from?: unknown };
      if (typeof from !== 'string') throw failure(`${op} operation failed to decode from: missing value`);
      const source = this.#find(op, from);
      const found = getIn(source.container, source.key);
      if (op === 'copy' && !found && isSeq(source.container)) throw badIndex(op, from, source.key, 'from');
      if (op === 'move') {
        this.#remove(op, from);
        if (path.startsWith(`${from}/`)) throw failure(`move operation: "${from}" cannot go into itself`);
      }
      this.#add(op, path, found ? this.#copy(found) : this.#node(null));
    }
  }

  #add(op: string, path: string, node: Node): void {
    const { container, key } = this.#find(op, path, quoted(path));
    const above = Pointer.fromJSON(path).tokens.slice(1, -1);
    if (isMap(container)) {
      setKey(container, key, node);
      this.edits.push({ kind: 'set', path: [...above, key], node });
    } else {
      const index = key === '-' ? container.items.length : listIndex(key, container.items.length);
      if (index === undefined || index > container.items.length) throw badIndex(op, path, key);
      container.items.splice(index, 0, node);
      this.edits.push({ kind: 'insert', path: [...above, String(index)], node });
    }
  }

  #replace(path: string, node: Node): void {
    const { container, key } = this.#find('replace', path);
    const above = Pointer.fromJSON(path).tokens.slice(1, -1);
    if (isMap(container)) {
      setKey(container, key, node);
      this.edits.push({ kind: 'set', path: [...above, key], node });
    } else {
      const index = listIndex(key, container.items.length);
      if (index === undefined || index >= container.items.length)
        throw failure(`replace operation does not apply: doc is missing key: ${path}: missing value`);
      container.items[index] = withComments(container.items[index], node);
      this.edits.push({ kind: 'set', path: [...above, String(index)], node });
    }
  }

  #remove(op: string, path: string): void {
    const { container, key } = this.#find(op, path, quoted(path));
    const above = Pointer.fromJSON(path).tokens.slice(1, -1);
    const shown = op === 'move' ? key : path;
    if (isMap(container)) {
      const at = container.items.findIndex(pair => keyText(pair) === key);
      if (at < 0)
        throw failure(`error in ${op} for path: '${shown}': Unable to remove nonexistent key: ${key}: missing value`);
      container.items.splice(at, 1);
      this.edits.push({ kind: 'remove', path: [...above, key] });
    } else {
      const index = listIndex(key, container.items.length);
      if (index === undefined || index >= container.items.length) throw badIndex(op, shown, key);
      container.items.splice(index, 1);
      this.edits.push({ kind: 'remove', path: [...above, String(index)] });
    }
    if (container.items.length === 0) container.flow = true;
  }

  #test(path: string, value: Json): void {
    let matches: boolean;
    if (path === '') matches = sameJson(this.#document.contents, value, this.#document);
    else {
      const { container, key } = this.#find('test', path, path, 'is missing path');
      const node = getIn(container, key);
      if (!node && isSeq(container)) throw badIndex('test', path, key);
      matches = node === undefined ? value === null : sameJson(node, value, this.#document);
    }
    if (!matches) throw failure(`testing value ${path} failed: test failed`);
  }

  /** The list or mapping that holds the last word of `path`. */
  #find(op: string, path: string, shown = path, what = 'doc is missing path') {
    const missing = failure(`${op} operation does not apply: ${what}: ${shown}: missing value`);
    if (path === '' || !path.startsWith('/')) throw missing;
    const { tokens } = Pointer.fromJSON(path);
    const key = tokens.pop()!;
    let container: unknown = this.#document.contents;
    for (const token of tokens.slice(1)) container = this.#own(container, token);
    if (!isMap(container) && !isSeq(container)) throw missing;
    if (isMap(container)) this.#ownMerged(container, key);
    return { container: container as YAMLMap | YAMLSeq, key };
  }

  /** The child of `parent` that may be changed: an alias is replaced by a copy of what it stands for first. */
  #own(parent: unknown, key: string): unknown {
    if (isMap(parent)) this.#ownMerged(parent, key);
    const child = getIn(parent, key);
    if (!isAlias(child)) return child;
    const resolved = child.resolve(this.#document);
    if (resolved === undefined) return undefined;
    const copy = this.#copy(resolved);
    if (isMap(parent)) parent.items.find(pair => keyText(pair) === key)!.value = copy;
    else if (isSeq(parent)) parent.items[Number(key)] = copy;
    return copy;
  }

  /** Copies `key` into `map` where only a merge key (`<<`) supplies it. */
  #ownMerged(map: YAMLMap, key: string): void {
    if (map.items.some(pair => keyText(pair) === key)) return;
    for (const pair of map.items) {
      if (keyText(pair) !== '<<') continue;
      for (const source of isSeq(pair.value) ? pair.value.items : [pair.value]) {
        const merged = isAlias(source) ? source.resolve(this.#document) : source;
        const found = isMap(merged) ? getIn(merged, key) : undefined;
        if (found === undefined) continue;
        map.items.push(new Pair(new Scalar(key), this.#copy(found)));
        return;
      }
    }
  }

  /** A copy without anchors of its own, aliases in it resolved only where they stay valid. */
  #copy(node: Node): Node {
    const copy = (isAlias(node) ? (node.resolve(this.#document) ?? node) : node).clone() as Node;
    visit(copy, {
      Node: (_, part) => {
        if (!isAlias(part)) part.anchor = undefined;
      },
    });
    return copy;
  }

  #node(value: Json): Node {
    if (Array.isArray(value)) {
      const list = new YAMLSeq(this.#document.schema);
      for (const item of value as readonly Json[]) list.items.push(this.#node(item));
      list.flow = value.length === 0;
      return list;
    }
    if (typeof value === 'object' && value !== null) {
      const map = new YAMLMap(this.#document.schema);
      for (const [key, item] of Object.entries(value)) map.items.push(new Pair(scalarFor(key), this.#node(item)));
      map.flow = map.items.length === 0;
      return map;
    }
    return scalarFor(value as null | boolean | number | string);
  }
}

const failure = (message: string) => new TalosdError('invalid_argument', FAILURE + message);
const quoted = (path: string): string => `"${path}"`;
const badIndex = (op: string, path: string, key: string, where = 'path') =>
  failure(`error in ${op} for ${where}: '${path}': Unable to access invalid index: ${key}: invalid index referenced`);

function keyText(pair: Pair): string | undefined {
  return isScalar(pair.key) ? String(pair.key.value ?? '') : typeof pair.key === 'string' ? pair.key : undefined;
}

function listIndex(key: string, length: number): number | undefined {
  if (!/^-?(0|[1-9]\d*)$/.test(key)) return undefined;
  const index = Number(key) < 0 ? Number(key) + length : Number(key);
  return index < 0 ? undefined : index;
}

function getIn(container: unknown, key: string): Node | undefined {
  if (isMap(container)) {
    const pair = container.items.find(item => keyText(item) === key);
    return pair && ((pair.value as Node | null) ?? scalarFor(null));
  }
  if (!isSeq(container)) return undefined;
  const index = listIndex(key, container.items.length);
  return index === undefined ? undefined : (container.items[index] as Node | undefined);
}

function setKey(map: YAMLMap, key: string, node: Node): void {
  const pair = map.items.find(item => keyText(item) === key);
  if (pair) pair.value = withComments(pair.value, node);
  else map.items.push(new Pair(scalarFor(key), node));
  map.flow = map.flow === true && map.items.length > 1;
}

/** A value that takes another's place keeps the comment at its line. */
function withComments(old: unknown, node: Node): Node {
  if (isScalar(old) && isScalar(node)) node.comment = old.comment;
  return node;
}

function sameJson(node: unknown, value: Json, document: Document): boolean {
  if (isAlias(node)) return sameJson(node.resolve(document), value, document);
  if (isSeq(node))
    return (
      Array.isArray(value) &&
      value.length === node.items.length &&
      node.items.every((item, index) => sameJson(item, value[index], document))
    );
  if (isMap(node)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const wanted = Object.entries(value as { [key: string]: Json });
    return (
      wanted.length === node.items.length &&
      wanted.every(([key, item]) => {
        const found = getIn(node, key);
        return found !== undefined && sameJson(found, item, document);
      })
    );
  }
  if (node === null || node === undefined) return value === null;
  if (!isScalar(node)) return false;
  // A number or a word like `yes` in a text field is text; both readings of a plain scalar count as equal.
  return plainJson(node) === value || (typeof value === 'string' && String(node.value) === value && value !== '');
}
