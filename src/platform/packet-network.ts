import type { Operation } from 'rfc6902';
import {
  array,
  boolean,
  fallback,
  type InferOutput,
  nullish,
  number,
  object,
  optional,
  safeParse,
  string,
} from 'valibot';
import { decodeConfig } from '../config/decode.ts';
import { patchDocument } from '../config/patch.ts';
import type { Bond, NetworkInterface } from '../config/schema/network.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { HardwareLink } from '../system/hardware-links.ts';
import { readJson } from './metadata.ts';

const link = object({ mac: optional(string(), ''), bond: nullish(string(), '') });
const address = object({
  public: fallback(boolean(), false),
  cidr: number(),
  address_family: number(),
  address: string(),
  gateway: nullish(string(), ''),
});
const metadata = object({
  hostname: nullish(string(), ''),
  network: object({
    bonding: nullish(object({ mode: optional(number(), 0) }), { mode: 0 }),
    interfaces: nullish(array(link), []),
    addresses: nullish(array(address), []),
  }),
  private_subnets: nullish(array(string()), []),
});

/** The part of the metadata of such a server that says how its network is to be set up. */
export interface PacketMetadata {
  readonly hostname: string | undefined;
  readonly network: InferOutput<typeof metadata>['network'];
  readonly privateSubnets: readonly string[];
}

/** The words for the bond modes that the metadata gives by the kernel's number. */
const BOND_MODES = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'];

/** Reads what the metadata service answered. */
export function readPacketMetadata(text: string): PacketMetadata {
  const read = safeParse(metadata, readJson(text, 'the metadata of this server'));
  if (!read.success) {
    const [issue] = read.issues;
    const place = issue.path?.map(({ key }) => String(key)).join('.') ?? '';
    throw new TalosdError('unknown', `the metadata of this server has an unexpected form: ${place}: ${issue.message}`);
  }
  const { hostname, network, private_subnets } = read.output;
  return { hostname: hostname || undefined, network, privateSubnets: private_subnets ?? [] };
}

/** What `withBond` puts together. */
export interface BondFacts extends Omit<PacketMetadata, 'hostname'> {
  /** The links that this machine has. */
  readonly links: readonly HardwareLink[];
  readonly log: Logger;
}

/** The user's document with one entry of `machine.network.interfaces` for each address; all else stays as it was written. */
export function withBond(document: string, facts: BondFacts): string {
  const entries = bondInterfaces(facts);
  const { config } = decodeConfig(Buffer.from(document), { file: 'user data', unknownKeys: 'note' });
  const network = config.machine?.network;
  const operations: Operation[] = [];
  if (!network) operations.push({ op: 'add', path: '/machine/network', value: { interfaces: [] } });
  else if (!network.interfaces) operations.push({ op: 'add', path: '/machine/network/interfaces', value: [] });
  operations.push(...entries.map(value => ({ op: 'add' as const, path: '/machine/network/interfaces/-', value })));
  return entries.length === 0 ? document : patchDocument(document, operations);
}

/** One interface of the config for each address, all of the one bond that the metadata names (network.md §3.3). */
function bondInterfaces({ network, privateSubnets, links, log }: BondFacts): NetworkInterface[] {
  const members = (network.interfaces ?? []).filter(({ bond }) => bond);
  const [name, second] = new Set(members.map(member => member.bond!));
  if (second !== undefined) {
    throw new TalosdError('unknown', `the metadata names more than one bond: ${name}, ${second}`);
  }
  if (name === undefined) return [];
  const mode = BOND_MODES[network.bonding?.mode ?? 0];
  if (!mode) throw new TalosdError('unknown', `the metadata names an unknown bond mode: ${network.bonding?.mode}`);
  const interfaces = members.flatMap(({ mac }) => {
    const found = links.find(link => link.mac === mac.toLowerCase());
    if (!found) log.warn(`interface with MAC "${mac}" wasn't found on the host, skipping`);
    return found ? [found.name] : [];
  });
  const bond: Bond = { interfaces, mode, xmitHashPolicy: 'layer3+4', miimon: 100, updelay: 200, downdelay: 200 };
  return (network.addresses ?? []).map(({ address, cidr, public: isPublic, address_family: family, gateway }) => {
    const networks = isPublic ? (family === 4 ? ['0.0.0.0/0'] : []) : privateSubnets;
    const routes = networks.map(destination => ({ network: destination, gateway: gateway ?? '' }));
    return { interface: name, cidr: `${address}/${cidr}`, ...(routes.length > 0 ? { routes } : {}), bond };
  });
}
