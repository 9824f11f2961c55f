import type { asn1 as Forge } from 'node-forge';
import asn1 from 'node-forge/lib/asn1.js';
import { TalosdError } from '../lib/errors.ts';

/** One ASN.1 value: a tag and either its content bytes or its children. */
export type Asn1 = Forge.Asn1;

/** Certificates and requests of this system take 1–3 KiB; nothing above this is looked at. */
const MAX_DER_BYTES = 64 * 1024;
const MAX_DEPTH = 24;
const CONTEXT = 0x80;

export const TAG = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  oid: 6,
  utf8: 12,
  sequence: 16,
  set: 17,
  printable: 19,
  utcTime: 23,
  generalizedTime: 24,
} as const;

function node(tagClass: number, type: number, constructed: boolean, value: string | Asn1[]): Asn1 {
  return asn1.create(tagClass as Forge.Class, type as Forge.Type, constructed, value);
}

const primitive = (type: number, bytes: Buffer) => node(0, type, false, bytes.toString('latin1'));

export const sequence = (...children: Asn1[]): Asn1 => node(0, TAG.sequence, true, children);
export const boolean = (value: boolean): Asn1 => primitive(TAG.boolean, Buffer.from([value ? 0xff : 0]));
export const octetString = (bytes: Buffer): Asn1 => primitive(TAG.octetString, bytes);
/** A BIT STRING of whole bytes, or with `unusedBits` at its end. */
export const bitString = (bytes: Buffer, unusedBits = 0): Asn1 =>
  primitive(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), bytes]));
export const text = (type: typeof TAG.utf8 | typeof TAG.printable, value: string): Asn1 =>
  primitive(type, Buffer.from(value, 'utf8'));
export const objectIdentifier = (dotted: string): Asn1 => node(0, TAG.oid, false, asn1.oidToDer(dotted).getBytes());
/** `[tag]` around whole values. */
export const explicit = (tag: number, ...children: Asn1[]): Asn1 => node(CONTEXT, tag, true, children);
/** `[tag]` in place of a primitive type's own tag. */
export const implicit = (tag: number, bytes: Buffer): Asn1 => node(CONTEXT, tag, false, bytes.toString('latin1'));

/** SET OF, its members in the order that DER asks for. */
export function setOf(...children: Asn1[]): Asn1 {
  const sorted = children
    .map(child => ({ child, der: encodeDer(child) }))
    .sort((a, b) => Buffer.compare(a.der, b.der))
    .map(({ child }) => child);
  return node(0, TAG.set, true, sorted);
}

/** A non-negative INTEGER from its big-endian bytes. */
export function unsignedInteger(bytes: Buffer): Asn1 {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  const sign = (trimmed[0] ?? 0) >= 0x80 || trimmed.length === 0 ? Buffer.from([0]) : Buffer.alloc(0);
  return primitive(TAG.integer, Buffer.concat([sign, trimmed]));
}

/** A certificate's time: UTCTime until 2049, GeneralizedTime after (RFC 5280 §4.1.2.5); whole seconds. */
export function time(milliseconds: number): Asn1 {
  const date = new Date(milliseconds);
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? primitive(TAG.utcTime, Buffer.from(digits.slice(2)))
    : primitive(TAG.generalizedTime, Buffer.from(digits));
}

/** A constructed value that is encoded already, as it is: its parts are not looked at. */
export function encoded(der: Buffer): Asn1 {
  const lengthBytes = (der[1] ?? 0) < 0x80 ? 0 : (der[1] ?? 0) & 0x7f;
  return node(0, der[0] ?? 0, false, der.subarray(2 + lengthBytes).toString('latin1'));
}

export function encodeDer(value: Asn1): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), 'latin1');
}

/**
 * Reads exactly one DER value. Whatever would not be written back byte for byte (BER forms, rest bytes) is refused, so
 * a value cut out of the result and encoded again is the value that was signed. `what` names the thing in the error.
 */
export function decodeDer(der: Buffer, what: string): Asn1 {
  if (der.length > MAX_DER_BYTES) throw malformed(what, `longer than ${MAX_DER_BYTES} bytes`);
  let value: Asn1;
  try {
    // The published types know only the boolean form of the second argument.
    const options = { strict: true, parseAllBytes: true, decodeBitStrings: false, maxDepth: MAX_DEPTH };
    value = asn1.fromDer(der.toString('latin1'), options as unknown as boolean);
  } catch (error) {
    throw malformed(what, 'not well-formed DER', error);
  }
  if (!encodeDer(value).equals(der)) throw malformed(what, 'not in canonical DER form');
  return value;
}

/** A typed error for input that does not have the shape it should have. */
export function malformed(what: string, detail: string, cause?: unknown): TalosdError {
  return new TalosdError('unknown', `failed to parse ${what}: ${detail}`, { cause });
}

/** Whether `value` carries this universal tag, or, with `context`, the context tag of that number. */
export function hasTag(value: Asn1 | undefined, type: number, context = false): value is Asn1 {
  return value !== undefined && value.tagClass === (context ? CONTEXT : 0) && (value.type as number) === type;
}

/** The children of a constructed value with this tag; otherwise an error that names `what`. */
export function children(value: Asn1 | undefined, type: number, what: string, context = false): Asn1[] {
  if (!hasTag(value, type, context) || !Array.isArray(value.value)) throw malformed(what, 'unexpected structure');
  return value.value;
}

/** The content bytes of a primitive value with this tag; otherwise an error that names `what`. */
export function content(value: Asn1 | undefined, type: number, what: string, context = false): Buffer {
  if (!hasTag(value, type, context) || typeof value.value !== 'string') throw malformed(what, 'unexpected structure');
  return Buffer.from(value.value, 'latin1');
}

/** The bytes of a BIT STRING that ends on a byte boundary. */
export function bits(value: Asn1 | undefined, what: string): Buffer {
  const bytes = content(value, TAG.bitString, what);
  if (bytes.length === 0 || bytes[0] !== 0) throw malformed(what, 'unexpected structure');
  return bytes.subarray(1);
}

/** An OBJECT IDENTIFIER in dotted form. */
export function oidText(value: Asn1 | undefined, what: string): string {
  const bytes = content(value, TAG.oid, what);
  const last = bytes.at(-1);
  if (last === undefined || last >= 0x80 || bytes.length > 64) throw malformed(what, 'unexpected structure');
  return asn1.derToOid(bytes.toString('latin1'));
}

/** Milliseconds since the epoch of a UTCTime or GeneralizedTime in the one form that certificates may use. */
export function timeValue(value: Asn1 | undefined, what: string): number {
  const utc = hasTag(value, TAG.utcTime);
  const raw = content(value, utc ? TAG.utcTime : TAG.generalizedTime, what).toString('latin1');
  const short = utc && /^\d{12}Z$/.test(raw);
  const digits = short ? `${Number(raw.slice(0, 2)) >= 50 ? '19' : '20'}${raw}` : raw;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits);
  if (!parts || (utc && !short)) throw malformed(what, 'unexpected form of time');
  const [, year, month, day, hour, minute, second] = parts;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const milliseconds = Date.parse(iso);
  if (Number.isNaN(milliseconds)) throw malformed(what, 'unexpected form of time');
  return milliseconds;
}
