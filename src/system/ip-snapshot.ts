import { TalosdError } from '../lib/errors.ts';
import {
  AF_INET,
  AF_INET6,
  type LinkDetails,
  type NetworkSnapshot,
  parseLinks,
  type RawRoute,
  type RouteSnapshot,
  toRoute,
} from './network-snapshot.ts';

/** The words of `ip -j` for options of a bond, where they differ from those that set them (spec/network.md §4.1). */
const BOND_WORDS: Readonly<Record<string, string>> = { ad_lacp_rate: 'lacp_rate', num_peer_notif: 'num_grat_arp' };

interface RawDetails {
  readonly ifindex?: number;
  readonly link?: string;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: Readonly<Record<string, unknown>> };
}

interface RawDetailedRoute extends RawRoute {
  readonly type?: string;
  /** Printed for every IPv6 route and for no other. */
  readonly pref?: string;
}

/** The output of `ip -N -j -d -batch` with the lines `addr show` and `route show table all`: two JSON lists. */
export function parseNetwork(output: string): NetworkSnapshot {
  const [links = '[]', routes = '[]', ...rest] = output.split('\n').filter(line => line.trim() !== '');
  if (rest.length > 0) throw new TalosdError('internal', 'ip printed more than two lists');
  const details = new Map((JSON.parse(links) as RawDetails[]).map(raw => [raw.ifindex, toDetails(raw)]));
  return {
    links: parseLinks(links).map(link => ({ ...link, details: details.get(link.index) ?? toDetails({}) })),
    routes: (JSON.parse(routes) as RawDetailedRoute[]).map(toDetailedRoute).sort((a, b) => a.family - b.family),
  };
}

function toDetails({ flags = [], link = '', master = '', linkinfo }: RawDetails): LinkDetails {
  const kind = linkinfo?.info_kind ?? '';
  const data = linkinfo?.info_data ?? {};
  return {
    kind,
    master,
    parent: link,
    vlanId: kind === 'vlan' ? Number(data['id'] ?? 0) : 0,
    bond: kind === 'bond' ? bondOptions(data) : {},
    // The kernel's RUNNING is not printed (spec/network.md §10).
    hasCarrier: flags.includes('UP') && !flags.includes('NO-CARRIER'),
  };
}

function bondOptions(data: Readonly<Record<string, unknown>>): Record<string, string> {
  const options: Record<string, string> = {};
  for (const [key, value] of Object.entries(data)) {
    const word = BOND_WORDS[key] ?? key;
    if (Array.isArray(value)) options[word] = value.join(',');
    else if (value === null) options[word] = 'none';
    else if (typeof value === 'string' || typeof value === 'number') options[word] = String(value);
  }
  return options;
}

function toDetailedRoute(raw: RawDetailedRoute): RouteSnapshot {
  const isIpv6 = raw.pref !== undefined || (raw.dst ?? '').includes(':') || (raw.gateway ?? '').includes(':');
  return Object.assign(toRoute(raw, isIpv6 ? AF_INET6 : AF_INET), { type: Number(raw.type ?? 1) });
}
