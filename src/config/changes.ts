import { indexPath, keyPath } from './path.ts';
import { isScalarType, isZero, REDACTED, scalarJson } from './scalar-value.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import type { ObjectType, Type } from './schema/types.ts';

/** A config value as it stands in YAML: durations, sizes, modes and bytes as text. */
export type PlainValue = string | number | boolean | readonly PlainValue[] | { readonly [key: string]: PlainValue };

/** One place in which two configs differ; `undefined` is absent (or empty). Secrets show as `******`. */
export interface Change {
  /** As in error texts: `machine.network.interfaces[0].mtu`, `machine.sysctls["vm.swappiness"]`. */
  readonly path: string;
  readonly from: PlainValue | undefined;
  readonly to: PlainValue | undefined;
}

type Section = Readonly<Record<string, unknown>>;

/**
 * Where `next` differs from `current`, in the order of the schema. Empty counts as absent (spec/machine-config.md
 * §12.2), but for three-state booleans and for marks like `nodeID: {}` that say all by being there. Changes are named
 * at the leaf; a list of texts is one leaf, and an entry that a list of mappings or a map gained or lost is named as
 * a whole.
 */
export function changedPaths(current: MachineConfig, next: MachineConfig): Change[] {
  const changes: Change[] = [];
  compareFields(machineConfig, current, next, '', changes);
  return changes;
}

function compareFields(type: ObjectType, from: Section, to: Section, path: string, changes: Change[]): void {
  for (const [key, field] of Object.entries(type.fields))
    compare(field.type, from[key], to[key], keyPath(path, key), field.isSecret, changes);
}

function compare(type: Type, from: unknown, to: unknown, path: string, isSecret: boolean, changes: Change[]): void {
  if (from === undefined && to === undefined) return;
  if (type.kind === 'object' && Object.keys(type.fields).length > 0) {
    compareFields(type, (from ?? {}) as Section, (to ?? {}) as Section, path, changes);
  } else if (type.kind === 'list' && type.item.kind === 'object') {
    const [before, after] = [(from ?? []) as unknown[], (to ?? []) as unknown[]];
    for (let index = 0; index < Math.max(before.length, after.length); index++)
      compareEntry(type.item, before, after, index, indexPath(path, index), isSecret, changes);
  } else if (type.kind === 'map') {
    const [before, after] = [(from ?? {}) as Section, (to ?? {}) as Section];
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort())
      compareEntry(type.value, before, after, key, keyPath(path, key), isSecret, changes);
  } else compareLeaf(type, from, to, path, isSecret, changes);
}

function compareLeaf(type: Type, from: unknown, to: unknown, path: string, isSecret: boolean, changes: Change[]): void {
  const [before, after] = [comparable(type, from), comparable(type, to)];
  if (before === after) return;
  changes.push({
    path,
    from: before === undefined ? undefined : plainValue(type, from, isSecret),
    to: after === undefined ? undefined : plainValue(type, to, isSecret),
  });
}

/** An entry on both sides is looked into; one that only one side has is a change by itself, be it empty. */
function compareEntry<K extends string | number>(
  type: Type,
  before: Readonly<Record<K, unknown>>,
  after: Readonly<Record<K, unknown>>,
  key: K,
  path: string,
  isSecret: boolean,
  changes: Change[],
): void {
  const [isBefore, isAfter] = [Object.hasOwn(before, key), Object.hasOwn(after, key)];
  if (isBefore && isAfter) compare(type, before[key], after[key], path, isSecret, changes);
  else
    changes.push({
      path,
      from: isBefore ? plainValue(type, before[key], isSecret) : undefined,
      to: isAfter ? plainValue(type, after[key], isSecret) : undefined,
    });
}

/** Text that is equal exactly when two leaves are; undefined for one that counts as absent. */
function comparable(type: Type, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (isScalarType(type)) return isZero(type, value) ? undefined : JSON.stringify(exact(value));
  if (type.kind === 'list')
    return (value as unknown[]).length === 0 ? undefined : JSON.stringify((value as unknown[]).map(exact));
  return '{}';
}

function exact(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

/** Any config value in YAML terms, without its empty parts, secrets redacted where the schema marks them. */
export function plainValue(type: Type, value: unknown, isSecret = false): PlainValue {
  if (isScalarType(type)) return isSecret && !isZero(type, value) ? REDACTED : scalarJson(type, value);
  if (type.kind === 'list') return (value as readonly unknown[]).map(item => plainValue(type.item, item, isSecret));
  const entries =
    type.kind === 'map'
      ? Object.entries(value as Section).map(([key, item]) => [key, plainValue(type.value, item, isSecret)] as const)
      : Object.entries(type.fields).flatMap(([key, field]) => {
          const inner = (value as Section)[key];
          return inner === undefined ? [] : [[key, plainValue(field.type, inner, field.isSecret)] as const];
        });
  return Object.fromEntries(entries);
}
