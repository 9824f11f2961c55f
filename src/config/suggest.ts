import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { indexPath, keyPath } from './path.ts';
import { machineConfig } from './schema/config.ts';
import type { ObjectType, Type } from './schema/types.ts';

interface Place {
  readonly path: string;
  readonly type: Type;
}

/** Answers "did you mean" for keys that a section does not know (machine-config.md §15). */
export class Suggester {
  #places: Map<string, Place[]> | undefined;

  /**
   * The path that the writer of `key: value` in the section `path` probably meant: a key of the same section that is
   * spelled alike, or else the section elsewhere that has this very key and fits the value best.
   */
  suggest(path: string, section: ObjectType, key: string, value: Node | null): string | undefined {
    const near = nearestKey(key, Object.keys(section.fields));
    if (near !== undefined) return keyPath(path, near);
    const places = this.#index().get(key) ?? [];
    let best: { path: string; score: number } | undefined;
    for (const place of places) {
      const score = likeness(place.type, value) + sharedPrefix(place.path, path) / 1000;
      if (score > (best?.score ?? 0)) best = { path: place.path, score };
    }
    return best?.path;
  }

  #index(): Map<string, Place[]> {
    this.#places ??= collect('', machineConfig, new Map());
    return this.#places;
  }
}

function collect(path: string, type: Type, places: Map<string, Place[]>): Map<string, Place[]> {
  if (type.kind === 'list') collect(indexPath(path, 0), type.item, places);
  if (type.kind === 'map') collect(`${path}.<name>`, type.value, places);
  if (type.kind !== 'object') return places;
  for (const [key, { type: inner }] of Object.entries(type.fields)) {
    const place = { path: keyPath(path, key), type: inner };
    places.set(key, [...(places.get(key) ?? []), place]);
    collect(place.path, inner, places);
  }
  return places;
}

/** How well a value suits a type: 0 for another kind of value, more for each known key. */
function likeness(type: Type, value: Node | null): number {
  if (type.kind === 'list')
    return isSeq(value) ? 1 + Math.max(0, ...value.items.map(item => likeness(type.item, asNode(item)))) : 0;
  if (type.kind === 'map') return isMap(value) ? 1 : 0;
  if (type.kind !== 'object') return value === null || isScalar(value) ? 1 : 0;
  if (!isMap(value)) return isScalar(value) && value.value === '' ? 1 : 0;
  const keys = value.items.map(pair => (isScalar(pair.key) ? String(pair.key.value) : ''));
  return 1 + keys.filter(key => Object.hasOwn(type.fields, key)).length;
}

function asNode(value: unknown): Node | null {
  return isMap(value) || isSeq(value) || isScalar(value) ? value : null;
}

function sharedPrefix(left: string, right: string): number {
  let length = 0;
  while (length < left.length && left[length] === right[length]) length++;
  return length;
}

/** The candidate within a third of its letters of `key`, whatever its case. */
export function nearestKey(key: string, candidates: readonly string[]): string | undefined {
  if (key.length > 64) return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    const allowed = Math.max(1, Math.floor(candidate.length / 3));
    if (distance <= allowed && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Letters to insert, remove, change or swap with the next to turn one text into the other. */
function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      let cost = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + (isSame ? 0 : 1));
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwap) cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[right.length]!;
}
