import { Address6 } from 'ip-address';

/** An address of either family. IPv4 written as mapped IPv6 counts as IPv4, as Go's net package has it. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** The address as a number of 32 or 128 bits. */
  readonly value: bigint;
  /** Canonical text: dotted, or shortest lower-case IPv6. */
  readonly text: string;
}

/** An address with a prefix length; host bits may be set. */
export interface Cidr {
  readonly address: IpAddress;
  readonly prefix: number;
}

const MAPPED_PREFIX = 0xffffn << 32n;

/** The address that a number stands for. */
export function ipFromValue(family: 4 | 6, value: bigint): IpAddress {
  const text = family === 4 ? formatIpv4(Number(value)) : Address6.fromBigInt(value).correctForm();
  return { family, value, text };
}

/** Reads an address; undefined for anything else, also zones, prefix lengths, leading zeros and blanks. */
export function parseIp(text: string): IpAddress | undefined {
  if (text.includes('/') || text.includes('%')) return undefined;
  if (!text.includes(':')) return parseIpv4(text);
  if (!Address6.isValid(text)) return undefined;
  const value = new Address6(text).bigInt();
  return value >> 32n === MAPPED_PREFIX >> 32n ? ipFromValue(4, value & 0xffff_ffffn) : ipFromValue(6, value);
}

/** Reads `address/prefix`; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!address || !/^[0-9]{1,3}$/.test(digits)) return undefined;
  const isMapped = address.family === 4 && text.includes(':');
  const prefix = Number(digits) - (isMapped ? 96 : 0);
  return prefix < 0 || prefix > bits(address.family) ? undefined : { address, prefix };
}

/** `address/prefix` in canonical text. */
export function formatCidr(cidr: Cidr): string {
  return `${cidr.address.text}/${cidr.prefix}`;
}

/** The first address of the network: host bits cleared. */
export function networkAddress({ address, prefix }: Cidr): IpAddress {
  const host = BigInt(bits(address.family) - prefix);
  return ipFromValue(address.family, (address.value >> host) << host);
}

/** The network of an `address/prefix` in canonical text, and its family; undefined for anything else. */
export function networkText(text: string): { readonly text: string; readonly family: 4 | 6 } | undefined {
  const slash = text.indexOf('/');
  const value = ipv4Number(text.slice(0, Math.max(slash, 0)));
  const digits = text.slice(slash + 1);
  // The common case without numbers of 128 bits: there may be ten thousand routes.
  if (value !== undefined && /^([0-9]|[12][0-9]|3[0-2])$/.test(digits)) {
    const size = 2 ** (32 - Number(digits));
    const first = value - (value % size);
    return { text: first === value ? text : `${formatIpv4(first)}/${digits}`, family: 4 };
  }
  const cidr = parseCidr(text);
  if (!cidr) return undefined;
  const address = networkAddress(cidr);
  return { text: formatCidr({ address, prefix: cidr.prefix }), family: address.family };
}

/** Whether `address` belongs to the network. */
export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.address.family !== address.family) return false;
  const host = BigInt(bits(address.family) - cidr.prefix);
  return cidr.address.value >> host === address.value >> host;
}

/** The `offset`th address after the network address; undefined where the network is too small. */
export function nthAddress(cidr: Cidr, offset: bigint): IpAddress | undefined {
  const candidate = networkAddress(cidr).value + offset;
  if (candidate < 0n || candidate >> BigInt(bits(cidr.address.family)) !== 0n) return undefined;
  const address = ipFromValue(cidr.address.family, candidate);
  return cidrContains(cidr, address) ? address : undefined;
}

const IPV4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** By hand, since plans hold tens of thousands of them. */
function parseIpv4(text: string): IpAddress | undefined {
  const value = ipv4Number(text);
  return value === undefined ? undefined : { family: 4, value: BigInt(value), text };
}

function ipv4Number(text: string): number | undefined {
  const parts = IPV4.exec(text);
  if (!parts) return undefined;
  let value = 0;
  for (let index = 1; index <= 4; index++) {
    const part = Number(parts[index]);
    if (part > 255) return undefined;
    value = value * 256 + part;
  }
  return value;
}

function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map(shift => (value >>> shift) & 255).join('.');
}

function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}
