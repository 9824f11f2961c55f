import { isIP, isIPv4 } from 'node:net';
import { TalosdError } from '../lib/errors.ts';
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
export function ipBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split('.').map(Number));
  if (isIP(ip) !== 6 || ip.includes('%')) throw new TalosdError('invalid_argument', `invalid IP: ${ip}`);
  // A dotted tail is two groups; `::` stands for as many zero groups as are missing.
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
  const plain = dotted ? `${dotted[1]}${hex(dotted[2]!, dotted[3]!)}:${hex(dotted[4]!, dotted[5]!)}` : ip;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  const bytes = Buffer.alloc(16);
  all.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes.subarray(0, 12).equals(MAPPED_PREFIX) ? bytes.subarray(12) : bytes;
}

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

function ipText(bytes: Buffer, what: string): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw malformed(what, 'an IP address of neither 4 nor 16 bytes');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // The URL parser writes IPv6 addresses in their shortest form.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
