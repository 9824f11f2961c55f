/**
 * The descriptors of which the machine configuration schema is made. One value of these types describes a field once;
 * the TypeScript types, decode, encode, redaction and changes by path are all read from it.
 *
 * In a decoded config an absent (or null) field is a missing property, so absent and empty stay apart everywhere.
 */

/** Text. Unquoted numbers, booleans and dates are accepted as their source text (machine-config.md §1.2). */
export interface StringType {
  readonly kind: 'string';
}

/** True or false. `triState`: absent means something else than false, so false is written too. */
export interface BoolType {
  readonly kind: 'bool';
  readonly triState: boolean;
}

/** A whole number between `min` and `max`, both included. `name` is the type's name in error texts. */
export interface IntType {
  readonly kind: 'int';
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** Go duration text (`1h30m`); a bigint of nanoseconds in the config. */
export interface DurationType {
  readonly kind: 'duration';
}

/** Size text or number of bytes (`100 MB`, machine-config.md §2); a bigint of bytes in the config. */
export interface SizeType {
  readonly kind: 'size';
}

/** File permissions: an unquoted unsigned 32-bit number, written as `0o644`. */
export interface FileModeType {
  readonly kind: 'fileMode';
}

/** Base64 text; the decoded bytes in the config. */
export interface BytesType {
  readonly kind: 'bytes';
}

/** A URL in Go's syntax; its canonical text in the config. */
export interface UrlType {
  readonly kind: 'url';
}

export type ScalarType = StringType | BoolType | IntType | DurationType | SizeType | FileModeType | BytesType | UrlType;

/**
 * A list. `single`: one mapping stands for a list of one. `nullEntries`: what a null among mappings is, an error of
 * validation or dropped with a note (machine-config.md §5, §15). Null entries never reach the config.
 */
export interface ListType<I extends Type = Type> {
  readonly kind: 'list';
  readonly item: I;
  readonly single: boolean;
  readonly nullEntries: 'error' | 'skip';
}

/** A mapping with free keys; written sorted by key. */
export interface MapType<V extends Type = Type> {
  readonly kind: 'map';
  readonly value: V;
}

/** The fields of a section in the order in which they are written. */
export type Fields = Readonly<Record<string, Field>>;

/**
 * A mapping with known keys. `isValue`: an empty one counts as absent when written; the others are kept as `{}`.
 * `stray`: an unknown key whose mapping holds `marker` belongs to the map field `into` (machine-config.md §15).
 */
export interface ObjectType<F extends Fields = Fields> {
  readonly kind: 'object';
  readonly fields: F;
  readonly isValue: boolean;
  readonly stray?: { readonly into: string; readonly marker: string };
}

export type Type = ScalarType | ListType | MapType | ObjectType;

/**
 * When a field is written (machine-config.md §3): `always`, also as zero value while absent; `nonzero`, unless absent,
 * empty, zero or false; `present`, whenever it is there.
 */
export type Written = 'always' | 'nonzero' | 'present';

/** One field of a section. */
export interface Field<T extends Type = Type> {
  readonly type: T;
  /** One sentence for people. */
  readonly doc: string;
  readonly written: Written;
  /** YAML of an example value, shown commented out where the field is absent. */
  readonly example?: string;
  /** The effective value while absent, as text for people. */
  readonly defaultText?: string;
  /** Never shown: redaction hides the value, or all values of a map. */
  readonly isSecret: boolean;
  /** Another accepted spelling of the key; using it gives a note (machine-config.md §15). */
  readonly alias?: string;
}

/** The TypeScript type of the values that a descriptor describes. */
export type TypeOf<T> = T extends StringType | UrlType
  ? string
  : T extends BoolType
    ? boolean
    : T extends IntType | FileModeType
      ? number
      : T extends DurationType | SizeType
        ? bigint
        : T extends BytesType
          ? Uint8Array
          : T extends ListType<infer I>
            ? TypeOf<I>[]
            : T extends MapType<infer V>
              ? Record<string, TypeOf<V>>
              : T extends ObjectType<infer F>
                ? { -readonly [K in keyof F]?: TypeOf<F[K]['type']> }
                : never;

export const string: StringType = { kind: 'string' };
export const bool: BoolType = { kind: 'bool', triState: false };
export const triStateBool: BoolType = { kind: 'bool', triState: true };
export const duration: DurationType = { kind: 'duration' };
export const size: SizeType = { kind: 'size' };
export const fileMode: FileModeType = { kind: 'fileMode' };
export const bytes: BytesType = { kind: 'bytes' };
export const url: UrlType = { kind: 'url' };
/** Go's int, held to what a JavaScript number keeps exactly. */
export const int: IntType = { kind: 'int', name: 'int', min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
export const uint8: IntType = { kind: 'int', name: 'uint8', min: 0, max: 0xff };
export const uint16: IntType = { kind: 'int', name: 'uint16', min: 0, max: 0xffff };
export const uint32: IntType = { kind: 'int', name: 'uint32', min: 0, max: 0xffff_ffff };

export function list<I extends Type>(
  item: I,
  options: { single?: boolean; nullEntries?: 'error' | 'skip' } = {},
): ListType<I> {
  return { kind: 'list', item, single: options.single ?? false, nullEntries: options.nullEntries ?? 'error' };
}

export function map<V extends Type>(value: V): MapType<V> {
  return { kind: 'map', value };
}

export function object<F extends Fields>(
  fields: F,
  options: { isValue?: boolean; stray?: { into: string; marker: string } } = {},
): ObjectType<F> {
  return { kind: 'object', fields, isValue: options.isValue ?? false, stray: options.stray };
}

/** A field; `always: true` writes it also while absent, otherwise its type decides (machine-config.md §3). */
export function field<T extends Type>(
  type: T,
  doc: string,
  options: { always?: boolean; example?: string; defaultText?: string; secret?: boolean; alias?: string } = {},
): Field<T> {
  const { always = false, secret = false, ...rest } = options;
  return { ...rest, type, doc, isSecret: secret, written: always ? 'always' : naturalRule(type) };
}

function naturalRule(type: Type): Written {
  if (type.kind === 'object') return type.isValue ? 'nonzero' : 'present';
  return type.kind === 'bool' && type.triState ? 'present' : 'nonzero';
}

/** Certificate and private key as base64 of PEM (machine-config.md §2 `pem-pair`); both keys are always written. */
export const pemPair = object({
  crt: field(bytes, 'The certificate: PEM, base64-encoded.', { always: true }),
  key: field(bytes, 'The private key: PEM, base64-encoded.', { always: true, secret: true }),
});
export type PemPair = TypeOf<typeof pemPair>;

/** A private key alone (machine-config.md §2 `pem-key`). */
export const pemKey = object({
  key: field(bytes, 'The private key: PEM, base64-encoded.', { always: true, secret: true }),
});
export type PemKey = TypeOf<typeof pemKey>;
