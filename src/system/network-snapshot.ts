import { TalosdError } from '../lib/errors.ts';

/** Address families by the kernel's numbers. */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** An address of a link. */
export interface AddressSnapshot {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly address: string;
  readonly prefixLength: number;
  /** The kernel's number: 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** Of an IPv6 address that is not proven to be ours alone yet: it can be no source of a route. */
  readonly tentative?: true;
}

/** A network interface as the kernel has it. */
export interface LinkSnapshot {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
  /** Colon-hex, empty for loopback and links without one. */
  readonly hardwareAddress: string;
  /** Bits of spec/api.md §2.9: up 1, broadcast 2, loopback 4, point-to-point 8, multicast 16. */
  readonly flags: number;
  /** The kernel's word: `UP`, `DOWN`, `UNKNOWN`, …; empty where it can't be read. */
  readonly operationalState: string;
  /** In the kernel's order. */
  readonly addresses: readonly AddressSnapshot[];
  /** What makes it this kind of link; absent where the listing does not tell. */
  readonly details?: LinkDetails;
}

/** What `ip -d` tells of a link besides. */
export interface LinkDetails {
  /** The kernel's word (`bond`, `vlan`, `veth`, …); empty for hardware. */
  readonly kind: string;
  /** Name of the bond or bridge that the link is a member of; empty where there is none. */
  readonly master: string;
  /** Name of the link below (of a VLAN, its parent); empty where there is none. */
  readonly parent: string;
  /** Tag of a VLAN link, 0 of all others. */
  readonly vlanId: number;
  /** Options of a bond by their iproute2 word; empty for all others. */
  readonly bond: Readonly<Record<string, string>>;
  readonly hasCarrier: boolean;
}

/** A route of any table; numbers are the kernel's. */
export interface RouteSnapshot {
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Name of the output link, empty where there is none (blackholes, several next hops). */
  readonly link: string;
  /** `address/length`. */
  readonly destination: string;
  /** Address without length, empty where there is none. */
  readonly gateway: string;
  /** Preferred source address, empty where there is none. */
  readonly source: string;
  /** Length of the source prefix that the route is for; 0 where it is for all. */
  readonly sourceLength: number;
  readonly metric: number;
  readonly scope: number;
  readonly protocol: number;
  readonly flags: number;
  readonly table: number;
  /** The kernel's number: 1 unicast, 6 blackhole, …; absent where the listing does not tell. */
  readonly type?: number;
}

/** What the network of this namespace looks like at one moment. Never changed: the next moment has its own. */
export interface NetworkSnapshot {
  /** In order of index. */
  readonly links: readonly LinkSnapshot[];
  /** IPv4 before IPv6, in the kernel's order. */
  readonly routes: readonly RouteSnapshot[];
}

const LINK_FLAGS: Record<string, number> = { UP: 1, BROADCAST: 2, LOOPBACK: 4, POINTOPOINT: 8, MULTICAST: 16 };
const ROUTE_FLAGS: Record<string, number> = {
  dead: 1,
  pervasive: 2,
  onlink: 4,
  offload: 8,
  linkdown: 16,
  unresolved: 32,
  trap: 64,
};
const PROTOCOL_BOOT = 3;
const TABLE_MAIN = 254;

interface RawLink {
  readonly ifindex?: number;
  readonly ifname?: string;
  readonly mtu?: number;
  readonly address?: string;
  readonly flags?: readonly string[];
  readonly link_type?: string;
  readonly operstate?: string;
  readonly addr_info?: readonly {
    family?: string;
    local?: string;
    prefixlen?: number;
    scope?: string;
    tentative?: boolean;
  }[];
}

/** A route as `ip -N -j route` prints it. */
export interface RawRoute {
  readonly dst?: string;
  readonly from?: string;
  readonly gateway?: string;
  readonly via?: { readonly host?: string };
  readonly dev?: string;
  readonly protocol?: string;
  readonly scope?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly table?: string;
  readonly flags?: readonly string[];
}

/** The output of `ip -N -j addr show`. */
export function parseLinks(json: string): LinkSnapshot[] {
  const links = parseList<RawLink>(json).filter(link => link.ifindex !== undefined && link.ifname !== undefined);
  return links
    .map(link => ({
      index: link.ifindex!,
      name: link.ifname!,
      mtu: link.mtu ?? 0,
      hardwareAddress: hardwareAddress(link.address ?? ''),
      flags: sum(link.flags, LINK_FLAGS),
      operationalState: link.operstate ?? '',
      addresses: (link.addr_info ?? []).flatMap(toAddress),
    }))
    .sort((a, b) => a.index - b.index);
}

function toAddress(raw: NonNullable<RawLink['addr_info']>[number]): AddressSnapshot[] {
  if (raw.local === undefined) return [];
  const address = {
    family: familyOf(raw.family),
    address: raw.local,
    prefixLength: raw.prefixlen ?? 0,
    scope: Number(raw.scope) || 0,
  };
  return [raw.tentative ? { ...address, tentative: true } : address];
}

/** The output of `ip -N -j -4 route show table all`, or of the same with `-6`. */
export function parseRoutes(json: string, family: RouteSnapshot['family']): RouteSnapshot[] {
  return parseList<RawRoute>(json).map(route => toRoute(route, family));
}

/** One route of that output. */
export function toRoute(route: RawRoute, family: RouteSnapshot['family']): RouteSnapshot {
  const host = family === AF_INET ? 32 : 128;
  return {
    family,
    link: route.dev ?? '',
    destination: prefix(route.dst ?? 'default', family, host),
    gateway: route.gateway ?? route.via?.host ?? '',
    source: route.prefsrc ?? '',
    sourceLength: route.from === undefined ? 0 : Number(prefix(route.from, family, host).split('/')[1]),
    metric: route.metric ?? 0,
    scope: Number(route.scope ?? 0),
    protocol: Number(route.protocol ?? PROTOCOL_BOOT),
    flags: sum(route.flags, ROUTE_FLAGS),
    table: Number(route.table ?? TABLE_MAIN),
  };
}

/** Global unicast addresses of links that are up, without loopback and link-local ones, in order of link. */
export function globalUnicast(snapshot: NetworkSnapshot): string[] {
  return snapshot.links
    .filter(link => link.flags & LINK_FLAGS.UP! && !(link.flags & LINK_FLAGS.LOOPBACK!))
    .flatMap(link => link.addresses)
    .filter(({ scope }) => scope === 0)
    .map(({ address }) => address);
}

/** A link without an address of its own shows zeros. */
function hardwareAddress(address: string): string {
  return /^[0-9a-f]{2}(:[0-9a-f]{2})+$/.test(address) && /[1-9a-f]/.test(address) ? address : '';
}

function familyOf(name: string | undefined): AddressSnapshot['family'] {
  return name === 'inet6' ? AF_INET6 : AF_INET;
}

function prefix(text: string, family: number, host: number): string {
  if (text === 'default') return family === AF_INET ? '0.0.0.0/0' : '::/0';
  return text.includes('/') ? text : `${text}/${host}`;
}

function sum(names: readonly string[] = [], bits: Record<string, number>): number {
  return names.reduce((flags, name) => flags | (bits[name] ?? 0), 0);
}

/** `ip -j` prints nothing at all for an empty list. */
function parseList<Item>(json: string): readonly Item[] {
  if (json.trim() === '') return [];
  const value: unknown = JSON.parse(json);
  if (!Array.isArray(value)) throw new TalosdError('internal', 'ip printed something else than a list');
  return value as Item[];
}
