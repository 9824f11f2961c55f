import { formatCidr, parseIp } from '../../lib/ip.ts';
import type { LinkSnapshot } from '../../system/network-snapshot.ts';

/** The kernel command line, as far as networkd asks it. */
export interface KernelArguments {
  first(key: string): string | undefined;
  all(key: string): readonly string[];
}

/** What `ip=` says (spec/network.md §9). */
export interface IpArgument {
  readonly link: string;
  /** Canonical `address/prefix`. */
  readonly address: string;
  /** Empty for none. */
  readonly gateway: string;
  /** Empty where the address gives no name. */
  readonly hostname: string;
  readonly resolvers: readonly string[];
}

const LOOPBACK = 4;

/** Links that are left alone, whatever the config says (spec/network.md §2.2). */
export function ignoredLinks(cmdline: KernelArguments): ReadonlySet<string> {
  return new Set(cmdline.all('talos.network.interface.ignore'));
}

/** Whether DHCP servers are asked for an MTU: that of Azure does not answer who does (spec/network.md §5.5). */
export function asksMtu(cmdline: KernelArguments): boolean {
  const platform = cmdline.first('talos.platform');
  return platform !== undefined && platform !== 'azure';
}

/** Reads the first `ip=`; nothing for every form that sets no fixed address (spec/network.md §9). */
export function readIpArgument(cmdline: KernelArguments, links: readonly LinkSnapshot[]): IpArgument | undefined {
  const fields = cmdline.first('ip')?.split(':') ?? [];
  if (fields.length < 4) return undefined;
  const [client = '', , gateway = '', netmask = '', hostname = '', device = '', , ...resolvers] = fields;
  const address = parseIp(client);
  const mask = parseIp(netmask);
  const link = findLink(device, links);
  if (address?.family !== 4 || mask?.family !== 4 || link === undefined) return undefined;
  const next = parseIp(gateway);
  return {
    link,
    address: formatCidr({ address, prefix: prefixOf(mask.value) }),
    gateway: next?.family === 4 && next.value !== 0n ? next.text : '',
    hostname,
    resolvers: resolvers.slice(0, 2).flatMap(text => parseIp(text)?.text ?? []),
  };
}

/** The named link, else the first one that is no loopback. */
function findLink(name: string, links: readonly LinkSnapshot[]): string | undefined {
  const byIndex = [...links].sort((a, b) => a.index - b.index);
  const named = byIndex.find(link => name !== '' && link.name === name);
  return (named ?? byIndex.find(link => !(link.flags & LOOPBACK)))?.name;
}

/** Length of a netmask; 0 for one with holes. */
function prefixOf(mask: bigint): number {
  const bits = mask.toString(2);
  return bits.length === 32 && /^1+0*$/.test(bits) ? bits.indexOf('0') + (bits.includes('0') ? 0 : 33) : 0;
}
