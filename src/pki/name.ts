import {
  type Asn1,
  children,
  content,
  encodeDer,
  malformed,
  objectIdentifier,
  oidText,
  sequence,
  setOf,
  TAG,
  text,
} from './der.ts';
import { ATTRIBUTE_NAMES, OID } from './oids.ts';

/** Who a certificate is for. The organizations are kept in order; an empty text is a value (spec/api.md §1.2). */
export interface Name {
  readonly organizations: readonly string[];
  readonly commonName?: string;
}

/** The subject of node and admin certificates: one organization whose value is empty. */
export const EMPTY_ORGANIZATION: Name = { organizations: [''] };

/** A name read from a certificate: what this system uses of it, the whole in one line, and its own bytes. */
export interface ParsedName extends Name {
  /** `O=talos,CN=x`, in the order of the certificate. */
  readonly text: string;
  readonly asn1: Asn1;
}

const STRING_TAGS: ReadonlySet<number> = new Set([TAG.utf8, TAG.printable, 20, 22]);
const BMP_STRING = 30;

/** The name as ASN.1: organizations in one relative name, then the common name. */
export function encodeName(name: Name): Asn1 {
  const relative: Asn1[] = [];
  if (name.organizations.length > 0) {
    relative.push(setOf(...name.organizations.map(value => attribute(OID.organization, value))));
  }
  if (name.commonName !== undefined) relative.push(setOf(attribute(OID.commonName, name.commonName)));
  return sequence(...relative);
}

function attribute(oid: string, value: string): Asn1 {
  const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value);
  return sequence(objectIdentifier(oid), text(printable ? TAG.printable : TAG.utf8, value));
}

/** Reads a distinguished name; `what` names its certificate or request in errors. */
export function decodeName(asn1: Asn1 | undefined, what: string): ParsedName {
  const organizations: string[] = [];
  let commonName: string | undefined;
  const parts: string[] = [];
  for (const set of children(asn1, TAG.sequence, what)) {
    for (const pair of children(set, TAG.set, what)) {
      const [type, value] = children(pair, TAG.sequence, what);
      const oid = oidText(type, what);
      const string = attributeText(value, what);
      if (oid === OID.organization) organizations.push(string);
      if (oid === OID.commonName) commonName = string;
      parts.push(`${ATTRIBUTE_NAMES[oid] ?? oid}=${escaped(string)}`);
    }
  }
  return { organizations, commonName, text: parts.join(','), asn1: asn1! };
}

function attributeText(value: Asn1 | undefined, what: string): string {
  if (!value || Array.isArray(value.value)) throw malformed(what, 'unexpected structure');
  if ((value.type as number) === BMP_STRING) return value.value;
  if (STRING_TAGS.has(value.type)) return content(value, value.type, what).toString('utf8');
  return `#${encodeDer(value).toString('hex')}`;
}

/** Keeps one name on one line and unambiguous. */
function escaped(value: string): string {
  return value.replace(/[,+"\\<>;=]/g, '\\$&').replace(/[\u0000-\u001f\u007f]/g, control => {
    return `\\${control.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
