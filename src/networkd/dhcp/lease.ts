import { TalosdError } from '../../lib/errors.ts';
import { type Cidr, formatCidr, type IpAddress, networkAddress, parseCidr, parseIp } from '../../lib/ip.ts';
import { splitName } from '../model/names.ts';

/** What a DHCP server has given, checked. */
export interface Lease {
  /** Canonical `address/prefix`. */
  readonly address: string;
  /** Who gave it; empty where the server does not name itself, or as 0.0.0.0. */
  readonly server: string;
  /** Milliseconds; Infinity for ever. */
  readonly lifetime: number;
  readonly routes: readonly LeaseRoute[];
  readonly resolvers: readonly string[];
  /** First label and the labels after it; empty where the server gives none. */
  readonly hostname: string;
  readonly domain: string;
  /** 0 where the server gives none. */
  readonly mtu: number;
  /** Options that the server gave and that can't be used. */
  readonly ignored: readonly string[];
}

/** A route of a lease; the gateway is empty where the destination is on the link. */
export interface LeaseRoute {
  readonly destination: string;
  readonly gateway: string;
}

type Values = ReadonlyMap<string, string>;

/** What udhcpc takes where the server names no time, seconds, and the least that it takes at all. */
const DEFAULT_LIFETIME = 3600;
const LEAST_LIFETIME = 16;
const FOR_EVER = 0xffff_ffff;
const LEAST_MTU = 576;

/** Reads what udhcpc's hook was given (spec/network.md §5.5); throws `invalid_argument` without a usable address. */
export function readLease4(values: Values): Lease {
  const options = new Options(values);
  const address = parseIp(values.get('ip') ?? '');
  if (address?.family !== 4 || !isHost4(address)) throw unusable(values.get('ip'));
  const prefix = options.read('subnet', prefixOf) ?? classPrefix(address);
  const server = parseIp(values.get('serverid') ?? '');
  const name = options.read('hostname', nameOf);
  return {
    address: `${address.text}/${prefix}`,
    server: server?.family === 4 && server.value !== 0n ? server.text : '',
    lifetime: lifetime(Math.max(options.read('lease', count) ?? DEFAULT_LIFETIME, LEAST_LIFETIME)),
    routes: routesOf(options),
    resolvers: options.read('dns', text => addresses(text, 4)) ?? [],
    hostname: name?.hostname ?? '',
    domain: options.read('domain', domainOf) ?? name?.domain ?? '',
    mtu: options.read('mtu', mtuOf) ?? 0,
    ignored: options.ignored,
  };
}

/** Reads what dhcpcd's hook was given (spec/network.md §5.6); throws `invalid_argument` without a usable address. */
export function readLease6(values: Values): Lease {
  const status = values.get('new_dhcp6_status_code') ?? '0';
  if (status !== '0') throw new TalosdError('invalid_argument', `the server answered with status ${status}`);
  const options = new Options(values);
  const prefix = 'new_dhcp6_ia_na1_ia_addr1';
  const address = parseIp(values.get(prefix) ?? '');
  const seconds = options.read(`${prefix}_vltime`, count) ?? 0;
  if (address?.family !== 6 || address.value === 0n || address.value >> 120n === 0xffn || seconds === 0) {
    throw unusable(values.get(prefix));
  }
  const name = options.read('new_dhcp6_fqdn', nameOf);
  return {
    address: `${address.text}/128`,
    server: /^[0-9a-f]{2,260}$/.exec(values.get('new_dhcp6_server_id') ?? '')?.[0] ?? '',
    lifetime: lifetime(seconds),
    routes: [],
    resolvers: options.read('new_dhcp6_name_servers', text => addresses(text, 6)) ?? [],
    hostname: name?.hostname ?? '',
    domain: name?.domain ?? '',
    mtu: 0,
    ignored: options.ignored,
  };
}

/** Reads options, and remembers those that make no sense. */
class Options {
  readonly ignored: string[] = [];
  readonly #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  read<T>(name: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.#values.get(name);
    if (text === undefined || text === '') return undefined;
    const value = parse(text);
    if (value === undefined) this.ignored.push(name);
    return value;
  }
}

/** Classless routes stand in for the routers where there are any (RFC 3442); of several routers the first counts. */
function routesOf(options: Options): LeaseRoute[] {
  const classless = options.read('staticroutes', staticRoutes);
  if (classless) return classless;
  const [router] = options.read('router', text => addresses(text, 4)) ?? [];
  return router === undefined ? [] : [{ destination: '0.0.0.0/0', gateway: router }];
}

/** `<destination> <gateway> <destination> <gateway> …`. A destination counts once: the kernel takes no second one. */
function staticRoutes(text: string): LeaseRoute[] | undefined {
  const words = text.trim().split(/\s+/);
  const routes = new Map<string, LeaseRoute>();
  for (let at = 0; at < words.length; at += 2) {
    const network = parseCidr(words[at]!);
    const gateway = parseIp(words[at + 1] ?? '');
    if (network?.address.family !== 4 || gateway?.family !== 4) return undefined;
    const destination = formatCidr({ ...network, address: networkAddress(network) });
    if (routes.has(destination)) continue;
    routes.set(destination, { destination, gateway: gateway.value === 0n ? '' : gateway.text });
  }
  return [...routes.values()];
}

function addresses(text: string, family: 4 | 6): string[] | undefined {
  const found = text.trim().split(/\s+/).map(parseIp);
  if (!found.every(address => address?.family === family && address.value !== 0n)) return undefined;
  return [...new Set(found.map(address => address!.text))];
}

function prefixOf(mask: string): number | undefined {
  const address = parseIp(mask);
  if (address?.family !== 4) return undefined;
  const ones = /^(1+)0*$/.exec(address.value.toString(2).padStart(32, '0'))?.[1];
  return ones?.length;
}

function classPrefix({ value }: IpAddress): number {
  const first = value >> 24n;
  return first < 128n ? 8 : first < 192n ? 16 : 24;
}

const NO_HOSTS = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3'].map(text => parseCidr(text)!);

function isHost4(address: IpAddress): boolean {
  return !NO_HOSTS.some(
    (network: Cidr) => networkAddress({ address, prefix: network.prefix }).value === network.address.value,
  );
}

function nameOf(name: string): { hostname: string; domain: string } | undefined {
  const parts = splitName(name.replace(/\.$/, ''));
  return typeof parts === 'string' ? undefined : parts;
}

function domainOf(name: string): string | undefined {
  const domain = name.replace(/\.$/, '');
  return typeof splitName(`x.${domain}`) === 'string' ? undefined : domain;
}

function count(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function mtuOf(text: string): number | undefined {
  const mtu = count(text);
  return mtu !== undefined && mtu >= LEAST_MTU && mtu <= 65_535 ? mtu : undefined;
}

function lifetime(seconds: number): number {
  return seconds >= FOR_EVER ? Number.POSITIVE_INFINITY : seconds * 1000;
}

function unusable(address: string | undefined): TalosdError {
  const what = address === undefined ? 'no address' : `${JSON.stringify(address)}, which is no address for a machine`;
  return new TalosdError('invalid_argument', `the server gave ${what}`);
}
