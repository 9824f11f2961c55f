import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from 'yaml';
import { limits, type YamlStream } from './document.ts';
import { indexPath, keyPath } from './path.ts';
import type { Problem } from './problem.ts';
import { decodeScalar, expectedText, type ResolvedScalar, resolveScalar } from './scalar.ts';
import type { Field, ListType, MapType, ObjectType, ScalarType, Type } from './schema/types.ts';
import { type NullEntry, type Position, positionAt } from './source-map.ts';
import { Suggester } from './suggest.ts';

/** What a section that is no mapping, or a value of a wrong kind, decodes to; a problem was recorded. */
const nothing = Symbol('nothing');
type Decoded = unknown;

interface Entry {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node | null;
}

/** Decodes the nodes of one document by the schema and collects all problems on the way (machine-config.md §1, §15). */
export class ValueDecoder {
  readonly problems: Problem[] = [];
  readonly notes: Problem[] = [];
  /** Where each value of the decoded config stands, by its path. */
  readonly offsets = new Map<string, number>();
  readonly nullEntries: NullEntry[] = [];
  readonly #stream: YamlStream;
  readonly #unknownKeys: 'refuse' | 'note';
  readonly #suggester = new Suggester();
  #aliasDepth = 0;
  #aliasedNodes = 0;

  constructor(stream: YamlStream, unknownKeys: 'refuse' | 'note') {
    this.#stream = stream;
    this.#unknownKeys = unknownKeys;
  }

  /** Decodes a section; undefined where the node is null or no mapping (then with a problem). */
  decodeSection(path: string, type: ObjectType, node: Node | null): Record<string, unknown> | undefined {
    const value = this.#decode(path, type, node, false);
    return value === nothing || value === undefined ? undefined : (value as Record<string, unknown>);
  }

  /** Records a problem at a node or at an offset. */
  fail(node: Node | number | null, path: string, problem: Omit<Problem, 'file' | 'line' | 'column' | 'path'>): void {
    if (this.problems.length < 100) this.problems.push({ ...this.#position(node), path, ...problem });
  }

  /** Records a key that its section does not know: refused or noted, as asked. */
  unknownKey(path: string, section: ObjectType, key: string, keyNode: Node, value: Node | null): void {
    const target = this.#follow(value);
    const meant = this.#suggester.suggest(path, section, key, target);
    const hint = meant === undefined ? anchorHint(value) : `did you mean ${meant}?`;
    const problem = { ...this.#position(keyNode), path: keyPath(path, key), message: 'unknown key', hint };
    const problems = this.#unknownKeys === 'refuse' ? this.problems : this.notes;
    if (problems.length < 100) problems.push(problem);
  }

  /** The entries of a mapping, merge keys resolved; a key given twice is a problem. */
  entries(path: string, map: YAMLMap): Entry[] {
    const own = new Map<string, Entry>();
    const merged: Node[] = [];
    for (const pair of map.items) {
      const keyNode = this.#follow(pair.key as Node);
      const value = (pair.value ?? null) as Node | null;
      if (!isScalar(keyNode)) {
        this.fail(pair.key as Node, path, { message: `cannot unmarshal ${tagOf(keyNode)} into string` });
        continue;
      }
      const isMerge = keyNode.value === '<<' && keyNode.type === 'PLAIN';
      const scalar = resolveScalar(keyNode);
      const key = scalar.tag === 'null' ? '' : scalar.text;
      const first = own.get(key);
      if (isMerge && value) merged.push(value);
      else if (first) {
        const { line } = this.#position(first.keyNode);
        this.fail(keyNode, keyPath(path, key), {
          message: `mapping key ${JSON.stringify(key)} already defined at line ${line}`,
        });
      } else own.set(key, { key, keyNode, value });
    }
    for (const source of merged) this.#merge(path, source, own);
    return [...own.values()];
  }

  #merge(path: string, source: Node, into: Map<string, Entry>): void {
    const target = this.#follow(source);
    const isAliased = isAlias(source);
    if (isAliased) this.#aliasDepth++;
    if (isSeq(target)) for (const item of target.items) this.#mergeOne(path, item as Node, into);
    else this.#mergeOne(path, source, into);
    if (isAliased) this.#aliasDepth--;
  }

  #mergeOne(path: string, source: Node, into: Map<string, Entry>): void {
    const target = this.#follow(source);
    if (!isMap(target)) {
      this.fail(source, path, { message: 'map merge requires map or sequence of maps as the value' });
    } else if (this.#isAffordable(source)) {
      for (const entry of this.entries(path, target)) {
        if (!into.has(entry.key)) into.set(entry.key, entry);
      }
    }
  }

  #decode(path: string, type: Type, node: Node | null, isSecret: boolean): Decoded {
    const target = this.#follow(node);
    if (target === null || !this.#isAffordable(node)) return undefined;
    const isAliased = isAlias(node);
    if (isAliased) this.#aliasDepth++;
    try {
      const scalar = isScalar(target) ? resolveScalar(target) : undefined;
      if (scalar?.tag === 'null') return undefined;
      if (isScalar(target)) this.offsets.set(path, offsetOf(node));
      switch (type.kind) {
        case 'object':
          return isMap(target)
            ? this.#decodeObject(path, type, target)
            : this.#mismatch(path, 'mapping', node, isSecret);
        case 'map':
          return isMap(target)
            ? this.#decodeMap(path, type, target, isSecret)
            : this.#mismatch(path, 'map', node, isSecret);
        case 'list':
          return this.#decodeList(path, type, node!, target, isSecret);
        default:
          return scalar
            ? this.#decodeScalar(path, type, node!, scalar, isSecret)
            : this.#mismatch(path, type, node, isSecret);
      }
    } finally {
      if (isAliased) this.#aliasDepth--;
    }
  }

  #decodeObject(path: string, type: ObjectType, map: YAMLMap): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    const entries = this.entries(path, map);
    const strangers: Entry[] = [];
    for (const entry of entries) {
      const [name, field] = findField(type, entry.key) ?? [];
      if (name === undefined || !field) {
        strangers.push(entry);
        continue;
      }
      if (name !== entry.key && !this.#acceptAlias(path, name, entry, entries)) continue;
      this.#put(object, name, keyPath(path, name), field.type, entry, field.isSecret);
    }
    // after the known keys, so that a map that stands further down does not take the place of a stray entry
    for (const entry of strangers) {
      if (!this.#takeStray(path, type, entry, object)) {
        this.unknownKey(path, type, entry.key, entry.keyNode, entry.value);
      }
    }
    return object;
  }

  /** Another spelling of a key is accepted with a note, unless both are there. */
  #acceptAlias(path: string, name: string, entry: Entry, entries: readonly Entry[]): boolean {
    const at = keyPath(path, entry.key);
    const both = entries.some(other => other.key === name);
    if (both)
      this.fail(entry.keyNode, at, { message: `${entry.key} and ${name} are both given`, hint: `remove ${entry.key}` });
    else this.#note(entry.keyNode, at, `${entry.key} is taken as ${name}`, `write ${keyPath(path, name)}`);
    return !both;
  }

  /** An unknown key that looks like an entry of a map beside it is taken as one, with a note (§15, mirrors). */
  #takeStray(path: string, type: ObjectType, entry: Entry, object: Record<string, unknown>): boolean {
    const value = this.#follow(entry.value);
    if (!type.stray || !isMap(value)) return false;
    const { into, marker } = type.stray;
    const mapType = type.fields[into]?.type;
    if (mapType?.kind !== 'map' || !value.items.some(pair => isScalar(pair.key) && pair.key.value === marker))
      return false;
    const right = keyPath(keyPath(path, into), entry.key);
    this.#note(entry.keyNode, keyPath(path, entry.key), `taken as an entry of ${into}`, `its right place is ${right}`);
    object[into] ??= Object.create(null);
    const target = object[into] as Record<string, unknown>;
    if (Object.hasOwn(target, entry.key)) {
      this.fail(entry.keyNode, right, { message: `mapping key ${JSON.stringify(entry.key)} already defined` });
    } else this.#put(target, entry.key, right, mapType.value, entry, false);
    return true;
  }

  #decodeMap(path: string, type: MapType, map: YAMLMap, isSecret: boolean): Record<string, unknown> {
    const values: Record<string, unknown> = Object.create(null);
    const isSection = type.value.kind === 'object';
    for (const entry of this.entries(path, map)) {
      const at = keyPath(path, entry.key);
      this.#put(values, entry.key, at, type.value, entry, isSecret);
      if (Object.hasOwn(values, entry.key) || !this.#isNull(entry.value)) continue;
      if (isSection) this.#nullEntry(path, at, Object.keys(values).length, entry.keyNode);
      else values[entry.key] = '';
    }
    return values;
  }

  #put(into: Record<string, unknown>, key: string, path: string, type: Type, entry: Entry, isSecret: boolean): void {
    this.offsets.set(path, offsetOf(entry.keyNode));
    const value = this.#decode(path, type, entry.value, isSecret);
    if (value === undefined || value === nothing) return;
    // a plain assignment would not create a property called __proto__
    Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true });
  }

  #decodeList(path: string, type: ListType, node: Node, target: Node, isSecret: boolean): Decoded {
    if (isMap(target) && type.single) {
      this.#note(node, path, 'one entry is taken as a list of one', 'write it as a list entry, with a dash');
      const item = this.#decode(indexPath(path, 0), type.item, node, isSecret);
      return item === nothing || item === undefined ? nothing : [item];
    }
    return isSeq(target)
      ? this.#decodeItems(path, type, target, isSecret)
      : this.#mismatch(path, 'list', node, isSecret);
  }

  #decodeItems(path: string, type: ListType, seq: YAMLSeq, isSecret: boolean): unknown[] {
    const items: unknown[] = [];
    seq.items.forEach((item, index) => {
      const node = item as Node;
      const at = indexPath(path, items.length);
      this.offsets.set(at, offsetOf(node));
      const value = this.#decode(at, type.item, node, isSecret);
      if (value === nothing || (value === undefined && !this.#isNull(node))) return;
      if (value !== undefined) items.push(value);
      else if (type.nullEntries === 'skip') this.#note(node, indexPath(path, index), 'empty entry skipped');
      else if (type.item.kind === 'object') this.#nullEntry(path, indexPath(path, index), items.length, node);
    });
    return items;
  }

  #nullEntry(parent: string, path: string, keptBefore: number, node: Node): void {
    this.nullEntries.push({ parent, path, keptBefore, position: this.#position(node) });
  }

  #decodeScalar(path: string, type: ScalarType, node: Node, scalar: ResolvedScalar, isSecret: boolean): Decoded {
    const result = decodeScalar(type, scalar);
    if (result.ok) return result.value;
    if (result.message === undefined) return this.#mismatch(path, type, node, isSecret, scalar);
    const found = shown(scalar, isSecret || type.kind === 'bytes');
    this.fail(node, path, { found, expected: expectedText(type), message: result.message });
    return nothing;
  }

  #mismatch(
    path: string,
    type: ScalarType | 'list' | 'map' | 'mapping',
    node: Node | null,
    isSecret: boolean,
    scalar = this.#scalarOf(node),
  ): typeof nothing {
    const value = scalar && !isSecret ? ` \`${shortened(scalar.text)}\`` : '';
    const name = typeof type === 'string' ? type : type.kind === 'int' ? type.name : type.kind;
    const tag = scalar ? `!!${scalar.tag}` : tagOf(this.#follow(node));
    this.fail(node, path, {
      found: scalar ? shown(scalar, isSecret) : tag === '!!seq' ? 'a list' : 'a mapping',
      expected: typeof type === 'string' ? (type === 'list' ? 'a list' : 'a mapping') : expectedText(type),
      message: `cannot unmarshal ${tag}${value} into ${name}`,
    });
    return nothing;
  }

  #note(node: Node | null, path: string, message: string, hint?: string): void {
    if (this.notes.length < 100) this.notes.push({ ...this.#position(node), path, message, hint });
  }

  #scalarOf(node: Node | null): ResolvedScalar | undefined {
    const target = this.#follow(node);
    return isScalar(target) ? resolveScalar(target) : undefined;
  }

  #isNull(node: Node | null): boolean {
    const target = this.#follow(node);
    return target === null || (isScalar(target) && resolveScalar(target).tag === 'null');
  }

  #follow(node: Node | null): Node | null {
    let target: Node | null = node;
    while (isAlias(target)) target = this.#stream.aliases.get(target) ?? null;
    return target;
  }

  /** Counts what is read through aliases, so that a few lines cannot stand for millions of values. */
  #isAffordable(node: Node | null): boolean {
    if (this.#aliasDepth === 0) return true;
    this.#aliasedNodes++;
    if (this.#aliasedNodes === limits.aliasedNodes) {
      this.fail(node, '', { message: 'decode error: yaml: document contains excessive aliasing' });
    }
    return this.#aliasedNodes < limits.aliasedNodes;
  }

  #position(at: Node | number | null): Position {
    return positionAt(this.#stream.file, this.#stream.lines, typeof at === 'number' ? at : offsetOf(at));
  }
}

function findField(type: ObjectType, key: string): [string, Field] | undefined {
  if (Object.hasOwn(type.fields, key)) return [key, type.fields[key]!];
  return Object.entries(type.fields).find(([, field]) => field.alias === key);
}

/** For a key that only holds an anchor: such a key is no different from a misspelled one. */
function anchorHint(value: Node | null): string | undefined {
  return value && 'anchor' in value && value.anchor ? `define &${value.anchor} where it is first used` : undefined;
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}

function tagOf(node: Node | null): string {
  return isSeq(node) ? '!!seq' : isMap(node) ? '!!map' : '!!str';
}

/** A value as error texts quote it: cut to seven letters where it has more than ten. */
function shortened(text: string): string {
  return Buffer.byteLength(text) > 10 ? `${text.slice(0, 7)}...` : text;
}

function shown(scalar: ResolvedScalar, isSecret: boolean): string {
  if (isSecret) return 'text that is not shown';
  const text = scalar.text.length > 40 ? `${scalar.text.slice(0, 37)}...` : scalar.text;
  return scalar.tag === 'str' ? JSON.stringify(text) : text;
}
