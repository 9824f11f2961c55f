import { TalosdError } from '../lib/errors.ts';
import { ipFromValue, parseIp } from '../lib/ip.ts';
import { type Asn1, children, content, hasTag, implicit, malformed, sequence, TAG } from './der.ts';

/** The names and addresses that a certificate is good for. */
export interface SubjectNames {
  readonly dnsNames: readonly string[];
  /** Addresses in text form, without prefix length or zone. */
  readonly ips: readonly string[];
}

const DNS_NAME = 2;
const IP_ADDRESS = 7;
const MAX_NAMES = 1000;

/** Whether a certificate can carry this as a DNS name: visible ASCII, no longer than names may be. */
export function isSanName(name: string): boolean {
  return name.length <= 253 && /^[\x21-\x7e]+$/.test(name);
}

/** GeneralNames with DNS names first, then addresses. */
export function encodeSubjectNames(names: SubjectNames): Asn1 {
  return sequence(
    ...names.dnsNames.map(name => {
      if (!/^[\x21-\x7e]+$/.test(name)) throw new TalosdError('invalid_argument', `invalid DNS name: ${name}`);
      return implicit(DNS_NAME, Buffer.from(name, 'latin1'));
    }),
    ...names.ips.map(ip => implicit(IP_ADDRESS, ipBytes(ip))),
  );
}

/** Reads GeneralNames; kinds other than DNS names and addresses are passed over. */
export function decodeSubjectNames(asn1: Asn1, what: string): SubjectNames {
  const dnsNames: string[] = [];
  const ips: string[] = [];
  const entries = children(asn1, TAG.sequence, what);
  if (entries.length > MAX_NAMES) throw malformed(what, `more than ${MAX_NAMES} subject alternative names`);
  for (const entry of entries) {
    if (hasTag(entry, DNS_NAME, true)) {
      const name = content(entry, DNS_NAME, what, true).toString('latin1');
      if (!/^[\x21-\x7e]+$/.test(name)) throw malformed(what, 'a DNS name with characters that names cannot have');
      dnsNames.push(name);
    } else if (hasTag(entry, IP_ADDRESS, true)) ips.push(ipText(content(entry, IP_ADDRESS, what, true), what));
  }
  return { dnsNames, ips };
}

/** 4 or 16 bytes of an address; an IPv4 address written as `::ffff:a.b.c.d` becomes 4 bytes. */
export function ipBytes(text: string): Buffer {
  const ip = parseIp(text);
  if (!ip) throw new TalosdError('invalid_argument', `invalid IP: ${text}`);
  return Buffer.from(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0'), 'hex');
}

function ipText(bytes: Buffer, what: string): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw malformed(what, 'an IP address of neither 4 nor 16 bytes');
  return ipFromValue(bytes.length === 4 ? 4 : 6, BigInt(`0x${bytes.toString('hex')}`)).text;
}
