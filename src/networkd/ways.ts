import type { NetworkConfig } from '../config/schema/network.ts';
import { type Cidr, cidrContains, type IpAddress, parseCidr, parseIp } from '../lib/ip.ts';
import type { NetworkSnapshot } from '../system/network-snapshot.ts';
import { buildDevices } from './model/devices.ts';
import type { KernelArguments } from './model/kernel-arguments.ts';
import { addressSpecs, linkSpecs, operatorSpecs, routeSpecs } from './model/specs.ts';

/** How somebody reached this machine: from which address, at which of ours. */
export interface Way {
  readonly peer: string;
  readonly local: string;
}

/** The next step towards another machine: itself where it is on the link, else a gateway. */
export interface Hop {
  readonly link: string;
  readonly address: string;
}

const TABLE_MAIN = 254;
const UNICAST = 1;
const DEAD = 1;

/** A route that a packet may take: what the kernel chooses by. */
interface Candidate {
  readonly network: Cidr;
  readonly metric: number;
}

/** The way that packets to `peer` take now; nothing where there is none. */
export function hopTo(snapshot: NetworkSnapshot, peer: string): Hop | undefined {
  const target = parseIp(peer);
  const found = target && bestRoute(snapshot, target);
  return found && { link: found.link, address: found.gateway || target.text };
}

function bestRoute({ routes }: NetworkSnapshot, target: IpAddress) {
  return routes
    .filter(({ table, type = UNICAST, flags }) => table === TABLE_MAIN && type === UNICAST && !(flags & DEAD))
    .flatMap(({ destination, link, gateway, metric }) => {
      const network = parseCidr(destination);
      return network && link !== '' && cidrContains(network, target) ? [{ network, link, gateway, metric }] : [];
    })
    .sort((a, b) => b.network.prefix - a.network.prefix || a.metric - b.metric)[0];
}

/** What two configs of one machine are compared by. */
export interface NetworkChange {
  readonly before: NetworkConfig | undefined;
  readonly after: NetworkConfig | undefined;
  readonly cmdline: KernelArguments;
  readonly snapshot: NetworkSnapshot;
}

/** Those of the ways whose address, link or route the change touches. Pure. */
export function touchedWays(change: NetworkChange, ways: readonly Way[]): Way[] {
  const { snapshot } = change;
  const { links, addresses, routes } = differences(change);
  return ways.filter(({ peer, local }) => {
    const target = parseIp(peer);
    const own = parseIp(local);
    const route = target && bestRoute(snapshot, target);
    if (!target || !own || !route) return false;
    const below = linksBelow(snapshot, route.link);
    if (links.some(name => below.has(name)) || addresses.some(({ address }) => address.value === own.value))
      return true;
    const gateway = parseIp(route.gateway);
    const steps = [target, ...(gateway ? [gateway] : [])];
    // An address brings the route to its own network.
    const changed = [...routes, ...addresses.map(network => ({ network, metric: 0 }))];
    return steps.some(step => changed.some(each => isTaken(snapshot, step, each)));
  });
}

/** Whether packets take this route, or would if it were there. */
function isTaken(snapshot: NetworkSnapshot, target: IpAddress, { network, metric }: Candidate): boolean {
  if (!cidrContains(network, target)) return false;
  const best = bestRoute(snapshot, target);
  if (!best || network.prefix > best.network.prefix) return true;
  return network.prefix === best.network.prefix && metric <= best.metric;
}

/** The link and all that it stands on or is made of. */
function linksBelow({ links }: NetworkSnapshot, name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (each: string) => {
    if (each === '' || found.has(each)) return;
    found.add(each);
    const link = links.find(other => other.name === each);
    add(link?.details?.parent ?? '');
    for (const other of links) if (other.details?.master === each) add(other.name);
  };
  add(name);
  return found;
}

/** What is wanted by one of two configs alone. */
function differences({ before, after, cmdline, snapshot: { links } }: NetworkChange) {
  const sides = [before, after].map(network => {
    const { devices } = buildDevices({ network, cmdline, links });
    const operators = operatorSpecs(devices);
    const clients = operators.filter(({ operator }) => operator !== 'vip');
    const shared = operators.flatMap(({ link, ip = '' }) => (ip === '' ? [] : [{ link, address: `${ip}/32` }]));
    return {
      links: [...linkSpecs(devices), ...clients],
      addresses: [...addressSpecs(devices), ...shared],
      routes: routeSpecs(devices),
    };
  });
  const [old, next] = sides as [(typeof sides)[0], (typeof sides)[0]];
  return {
    links: unlike(old.links, next.links).map(spec => ('link' in spec ? spec.link : spec.name)),
    addresses: unlike(old.addresses, next.addresses).flatMap(({ address }) => parseCidr(address) ?? []),
    routes: unlike(old.routes, next.routes).flatMap(({ destination, metric }): Candidate[] => {
      const network = parseCidr(destination);
      return network ? [{ network, metric }] : [];
    }),
  };
}

/** Entries without an equal on the other side, wherever in the config they stand. */
function unlike<T extends object>(a: readonly T[], b: readonly T[]): T[] {
  const key = (spec: T) => JSON.stringify({ ...spec, layer: '', path: '' });
  const [left, right] = [a, b].map(list => new Set(list.map(key))) as [Set<string>, Set<string>];
  return [...a.filter(spec => !right.has(key(spec))), ...b.filter(spec => !left.has(key(spec)))];
}
