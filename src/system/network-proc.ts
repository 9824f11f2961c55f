import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readFileIfExists } from './files.ts';
import {
  type AddressSnapshot,
  AF_INET,
  AF_INET6,
  type LinkSnapshot,
  type NetworkSnapshot,
  type RouteSnapshot,
} from './network-snapshot.ts';

// The network where iproute2 is missing: links from /sys, addresses from Node, routes from /proc.

const PROTOCOL_KERNEL = 2;
const PROTOCOL_BOOT = 3;
const SCOPE_LINK = 253;
const SCOPE_HOST = 254;
const TABLE_MAIN = 254;
const TABLE_LOCAL = 255;

/** Bits of /sys/class/net/<name>/flags in the order of the bits that `LinkSnapshot.flags` has. */
const LINK_BITS = [0x1, 0x2, 0x8, 0x10, 0x1000];

/** As much of the network as the kernel tells without a program to ask it. */
export async function readNetworkFromProc(sys = '/sys/class/net', proc = '/proc/net'): Promise<NetworkSnapshot> {
  const names = (await readdir(sys)).sort();
  const addresses = addressesByLink();
  const links = await Promise.all(names.map(name => readLink(sys, name, addresses.get(name) ?? [])));
  const text = async (name: string) => (await readFileIfExists(join(proc, name)))?.toString() ?? '';
  const known = links.filter(link => link !== undefined).sort((a, b) => a.index - b.index);
  const routes = [
    ...parseRoutes4(await text('route')),
    ...localRoutes(known),
    ...parseRoutes6(await text('ipv6_route')),
  ];
  return { links: known, routes };
}

function addressesByLink(): Map<string, AddressSnapshot[]> {
  const found = Object.entries(networkInterfaces()).map(([name, list = []]): [string, AddressSnapshot[]] => [
    name,
    list.map(({ family, address, cidr, internal, scopeid }) => ({
      family: family === 'IPv4' ? AF_INET : AF_INET6,
      address,
      prefixLength: Number(cidr?.split('/')[1] ?? 0),
      scope: internal ? SCOPE_HOST : scopeid ? SCOPE_LINK : 0,
    })),
  ]);
  return new Map(found);
}

async function readLink(
  sys: string,
  name: string,
  addresses: readonly AddressSnapshot[],
): Promise<LinkSnapshot | undefined> {
  const text = async (file: string) => (await readFileIfExists(join(sys, name, file)))?.toString().trim() ?? '';
  const index = Number(await text('ifindex'));
  if (!index) return undefined; // gone meanwhile, or no link at all (/sys/class/net/bonding_masters)
  const kernelFlags = Number(await text('flags'));
  const address = await text('address');
  return {
    index,
    name,
    mtu: Number(await text('mtu')),
    hardwareAddress: /[1-9a-f]/.test(address) ? address : '',
    flags: LINK_BITS.reduce((flags, bit, position) => (kernelFlags & bit ? flags | (1 << position) : flags), 0),
    operationalState: (await text('operstate')).toUpperCase(),
    addresses,
  };
}

/** /proc/net/route: the main table of IPv4, numbers in hex, addresses with their bytes reversed. */
export function parseRoutes4(text: string): RouteSnapshot[] {
  const rows = text
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/));
  return rows
    .filter(row => row.length >= 8)
    .map(([link = '', destination = '', gateway = '', flags = '', , , metric = '', mask = '']) => {
      const hasGateway = (Number.parseInt(flags, 16) & 2) !== 0;
      return {
        ...none(AF_INET),
        link,
        destination: `${address4(destination)}/${bitCount(Number.parseInt(mask, 16))}`,
        gateway: hasGateway ? address4(gateway) : '',
        metric: Number(metric),
        scope: hasGateway ? 0 : SCOPE_LINK,
        protocol: hasGateway ? PROTOCOL_BOOT : PROTOCOL_KERNEL,
      };
    });
}

/** /proc/net/ipv6_route: all tables of IPv6 without saying which, numbers in hex. */
export function parseRoutes6(text: string): RouteSnapshot[] {
  const rows = text.split('\n').map(line => line.trim().split(/\s+/));
  return rows
    .filter(row => row.length >= 10)
    .map(
      ([destination = '', length = '', , sourceLength = '', gateway = '', metric = '', , , flags = '', link = '']) => {
        const isLocal = (Number.parseInt(flags, 16) & 0x8000_0000) !== 0;
        return {
          ...none(AF_INET6),
          link,
          destination: `${address6(destination)}/${Number.parseInt(length, 16)}`,
          sourceLength: Number.parseInt(sourceLength, 16),
          gateway: /[^0]/.test(gateway) ? address6(gateway) : '',
          metric: Number.parseInt(metric, 16),
          protocol: PROTOCOL_KERNEL,
          table: isLocal ? TABLE_LOCAL : TABLE_MAIN,
        };
      },
    );
}

/** The local table of IPv4 is in no file of /proc in a plain form; what the kernel makes of each address is. */
function localRoutes(links: readonly LinkSnapshot[]): RouteSnapshot[] {
  return links.flatMap(link =>
    link.addresses
      .filter(({ family }) => family === AF_INET)
      .flatMap(({ address, prefixLength }) => {
        const route = {
          ...none(AF_INET),
          link: link.name,
          source: address,
          scope: SCOPE_HOST,
          protocol: PROTOCOL_KERNEL,
          table: TABLE_LOCAL,
        };
        const own = { ...route, destination: `${address}/32` };
        return link.name === 'lo' && prefixLength === 8 ? [{ ...route, destination: '127.0.0.0/8' }, own] : [own];
      }),
  );
}

function none(family: RouteSnapshot['family']): RouteSnapshot {
  const numbers = { sourceLength: 0, metric: 0, scope: 0, protocol: PROTOCOL_KERNEL, flags: 0, table: TABLE_MAIN };
  return { family, link: '', destination: '', gateway: '', source: '', ...numbers };
}

function address4(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map(byte => Number.parseInt(byte, 16))
    .join('.');
}

function bitCount(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

/** 32 hex digits in the shortest form. */
function address6(hex: string): string {
  const groups = (hex.match(/.{4}/g) ?? []).join(':');
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}
