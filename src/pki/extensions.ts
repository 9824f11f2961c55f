import {
  type Asn1,
  bitString,
  boolean,
  children,
  content,
  decodeDer,
  encodeDer,
  hasTag,
  implicit,
  malformed,
  objectIdentifier,
  octetString,
  oidText,
  sequence,
  TAG,
} from './der.ts';
import { OID } from './oids.ts';
import { encodeSubjectNames, type SubjectNames } from './san.ts';

/** Bits of KeyUsage that certificates here carry, with their numbers. */
const KEY_USAGE_BITS = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5 } as const;

export type KeyUsage = keyof typeof KEY_USAGE_BITS;
export type ExtendedKeyUsage = 'serverAuth' | 'clientAuth';

/** Extensions by object identifier, their values still encoded. */
export type Extensions = ReadonlyMap<string, Buffer>;

function extension(oid: string, value: Asn1, critical = false): Asn1 {
  const body = octetString(encodeDer(value));
  return critical ? sequence(objectIdentifier(oid), boolean(true), body) : sequence(objectIdentifier(oid), body);
}

export function keyUsage(usages: readonly KeyUsage[]): Asn1 {
  const numbers: number[] = usages.map(usage => KEY_USAGE_BITS[usage]);
  const byte = numbers.reduce((sum, bit) => sum | (0x80 >> bit), 0);
  return extension(OID.keyUsage, bitString(Buffer.from([byte]), 7 - Math.max(...numbers)), true);
}

export function extendedKeyUsage(usages: readonly ExtendedKeyUsage[]): Asn1 {
  return extension(OID.extendedKeyUsage, sequence(...usages.map(usage => objectIdentifier(OID[usage]))));
}

export function certificateAuthority(): Asn1 {
  return extension(OID.basicConstraints, sequence(boolean(true)), true);
}

export function subjectKeyIdentifier(id: Buffer): Asn1 {
  return extension(OID.subjectKeyIdentifier, octetString(id));
}

export function authorityKeyIdentifier(id: Buffer): Asn1 {
  return extension(OID.authorityKeyIdentifier, sequence(implicit(0, id)));
}

/** The extension, or nothing where there are no names: an empty list is not allowed. */
export function subjectAltName(names: SubjectNames): Asn1[] {
  if (names.dnsNames.length + names.ips.length === 0) return [];
  return [extension(OID.subjectAltName, encodeSubjectNames(names))];
}

/** Reads a list of extensions; one that stands twice is an error. */
export function decodeExtensions(list: Asn1 | undefined, what: string): Extensions {
  const found = new Map<string, Buffer>();
  for (const entry of children(list, TAG.sequence, what)) {
    const parts = children(entry, TAG.sequence, what);
    const oid = oidText(parts[0], what);
    const body = parts[hasTag(parts[1], TAG.boolean) ? 2 : 1];
    if (found.has(oid)) throw malformed(what, `extension ${oid} stands twice`);
    found.set(oid, content(body, TAG.octetString, what));
  }
  return found;
}

/** One extension's value, decoded; undefined where it is absent. */
export function extensionValue(extensions: Extensions, oid: string, what: string): Asn1 | undefined {
  const der = extensions.get(oid);
  return der && decodeDer(der, what);
}
