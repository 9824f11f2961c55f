import { Scalar } from 'yaml';
import { decodeBase64 } from '../lib/base64.ts';
import { parseDuration } from '../lib/duration.ts';
import { parseGoUrl } from '../lib/go-url.ts';
import { parseSize } from '../lib/size.ts';
import type { ScalarType } from './schema/types.ts';

/** The kinds of YAML scalars as Go's YAML tells them apart (machine-config.md §1.2). */
export type ScalarTag = 'null' | 'bool' | 'int' | 'float' | 'timestamp' | 'str';

/** A scalar with its source text and what it says by itself, before an expected type is known. */
export interface ResolvedScalar {
  readonly tag: ScalarTag;
  readonly text: string;
  /** The value of a bool, int or float. */
  readonly value?: boolean | bigint | number;
}

/** What reading a scalar as a type gave: its value, or Go's text of what is wrong (undefined: simply another type). */
export type ScalarResult = { ok: true; value: unknown } | { ok: false; message?: string };

const NULLS = new Set(['', '~', 'null', 'Null', 'NULL']);
const TRUE = new Set(['true', 'True', 'TRUE']);
const FALSE = new Set(['false', 'False', 'FALSE']);
const YES = new Set(['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON']);
const NO = new Set(['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF']);
const TIMESTAMP = /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?.*)?$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** Tells what kind of scalar a node is. */
export function resolveScalar(node: Scalar): ResolvedScalar {
  const text = node.value instanceof Uint8Array ? Buffer.from(node.value).toString('utf8') : String(node.value ?? '');
  const isPlain = node.type === Scalar.PLAIN || node.type === undefined;
  const explicit = node.tag?.startsWith('tag:yaml.org,2002:') ? node.tag.slice('tag:yaml.org,2002:'.length) : node.tag;
  if (explicit === undefined ? !isPlain : !['int', 'float', 'bool', 'null'].includes(explicit)) {
    return { tag: 'str', text };
  }
  return resolvePlain(text);
}

function resolvePlain(text: string): ResolvedScalar {
  if (NULLS.has(text)) return { tag: 'null', text };
  if (TRUE.has(text)) return { tag: 'bool', text, value: true };
  if (FALSE.has(text)) return { tag: 'bool', text, value: false };
  if (!/^[-+.0-9]/.test(text)) return { tag: 'str', text };
  if (TIMESTAMP.test(text)) return { tag: 'timestamp', text };
  const digits = text.replaceAll('_', '');
  const int = parseGoInt(digits);
  if (int !== undefined) return { tag: 'int', text, value: int };
  if (FLOAT.test(digits)) return { tag: 'float', text, value: Number(digits) };
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) {
    return { tag: 'float', text, value: text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY };
  }
  if (/^\.(?:nan|NaN|NAN)$/.test(text)) return { tag: 'float', text, value: Number.NaN };
  return { tag: 'str', text };
}

/** Decimal, `0x`, `0b`, `0o` or leading-zero octal, with a sign; undefined where it is none or over 64 bits. */
function parseGoInt(text: string): bigint | undefined {
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/.exec(text);
  if (!match || text.length > 70) return undefined;
  const [, sign, hex, binary, octal, decimal] = match;
  const size = BigInt(hex ? `0x${hex}` : binary ? `0b${binary}` : octal ? `0o${octal}` : decimal!);
  const value = sign === '-' ? -size : size;
  return value < -(2n ** 63n) || value >= 2n ** 64n ? undefined : value;
}

/** Reads a scalar that is not null as the type that the schema expects (machine-config.md §1.2, §2). */
export function decodeScalar(type: ScalarType, scalar: ResolvedScalar): ScalarResult {
  switch (type.kind) {
    case 'string':
      return { ok: true, value: scalar.text };
    case 'bool':
      return decodeBool(scalar);
    case 'int':
      return decodeInt(scalar, type.min, type.max);
    case 'fileMode':
      return decodeInt(scalar, 0, 0xffff_ffff);
    case 'duration': {
      const value = scalar.tag === 'str' ? parseDuration(scalar.text) : undefined;
      return value === undefined ? { ok: false } : { ok: true, value };
    }
    case 'size': {
      const { bytes, error } = parseSize(scalar.text);
      return bytes === undefined ? { ok: false, message: error } : { ok: true, value: bytes };
    }
    case 'bytes': {
      const { bytes, badOffset } = decodeBase64(scalar.text);
      if (bytes) return { ok: true, value: bytes };
      return { ok: false, message: `illegal base64 data at input byte ${badOffset}` };
    }
    case 'url': {
      const { url, error } = parseGoUrl(scalar.text);
      return url ? { ok: true, value: url.text } : { ok: false, message: error };
    }
  }
}

function decodeBool({ tag, text, value }: ResolvedScalar): ScalarResult {
  if (tag === 'bool') return { ok: true, value };
  if (tag === 'str' && YES.has(text)) return { ok: true, value: true };
  if (tag === 'str' && NO.has(text)) return { ok: true, value: false };
  return { ok: false };
}

function decodeInt({ tag, value }: ResolvedScalar, min: number, max: number): ScalarResult {
  if (tag !== 'int' && tag !== 'float') return { ok: false };
  const whole = Math.trunc(Number(value)) + 0;
  return whole >= min && whole <= max ? { ok: true, value: whole } : { ok: false };
}

/** What a type wants, in words. */
export function expectedText(type: ScalarType): string {
  switch (type.kind) {
    case 'string':
      return 'text';
    case 'bool':
      return 'true or false';
    case 'int':
      return type.name === 'int' ? 'a whole number' : `a whole number from ${type.min} to ${type.max}`;
    case 'fileMode':
      return 'an unquoted number such as 0o644';
    case 'duration':
      return 'a duration such as 1h30m';
    case 'size':
      return 'a size such as 100 MB';
    case 'bytes':
      return 'base64 text';
    case 'url':
      return 'a URL such as https://10.0.0.1:6443';
  }
}
