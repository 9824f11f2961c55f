import type { LinkSpec } from '../../resources/network/link_spec.ts';
import type { BondOptions } from '../../system/ip-operations.ts';
import type { DraftLink } from './draft.ts';
import type { Planner } from './planner.ts';
import { causeOf } from './types.ts';

/** The kernel refuses these while the bond has members (spec/network.md §4.1). */
const NEEDS_EMPTY = new Set(['mode', 'fail_over_mac']);
/** The kernel refuses these while the bond is up. */
const NEEDS_DOWN = new Set(['mode', 'lacp_rate', 'ad_select', 'tlb_dynamic_lb', 'ad_user_port_key']);

const LACP = ['802.3ad'];
const ARP = ['balance-rr', 'active-backup', 'balance-xor', 'broadcast'];

/** What an option is set to when it is no longer wanted, and the modes in which the kernel takes it at all. */
const DEFAULTS: Readonly<Record<string, { readonly value: string; readonly modes?: readonly string[] }>> = {
  mode: { value: 'balance-rr' },
  miimon: { value: '0', modes: ARP },
  updelay: { value: '0' },
  downdelay: { value: '0' },
  peer_notify_delay: { value: '0' },
  use_carrier: { value: '1' },
  arp_interval: { value: '0', modes: ARP },
  arp_validate: { value: 'none', modes: ['active-backup', 'balance-rr', 'balance-xor', 'broadcast'] },
  arp_all_targets: { value: 'any' },
  primary_reselect: { value: 'always' },
  fail_over_mac: { value: 'none' },
  xmit_hash_policy: { value: 'layer2' },
  resend_igmp: { value: '1' },
  num_grat_arp: { value: '1' },
  all_slaves_active: { value: '0' },
  min_links: { value: '0' },
  lp_interval: { value: '1' },
  packets_per_slave: { value: '1', modes: ['balance-rr'] },
  lacp_rate: { value: 'slow', modes: LACP },
  ad_select: { value: 'stable' },
  ad_actor_sys_prio: { value: '65535', modes: LACP },
  ad_user_port_key: { value: '0', modes: LACP },
  ad_actor_system: { value: '00:00:00:00:00:00', modes: LACP },
  tlb_dynamic_lb: { value: '1', modes: ['balance-tlb', 'balance-alb'] },
};

/** Sets members of ours free that no bond wants any more. */
export function releaseMembers(planner: Planner): void {
  const wanted = new Set(
    planner.wanted.links.flatMap(({ name, bond }) => (bond?.members ?? []).map(member => `${member} ${name}`)),
  );
  for (const pair of planner.before.members) {
    if (wanted.has(pair)) continue;
    const [member = '', master = ''] = pair.split(' ');
    const link = planner.draft.links.get(member);
    if (link?.master === master) planner.step({ kind: 'release', name: member, cause: 'no longer wanted' });
    else planner.owned.members.delete(pair);
  }
}

/** Sets the options that differ, and enslaves the members that are not: each set down first (spec/network.md §4.1). */
export function configureBonds(planner: Planner, links: readonly LinkSpec[]): void {
  for (const spec of links) {
    const link = planner.draft.links.get(spec.name);
    if (!spec.bond || link?.kind !== 'bond') continue;
    const members = [...setOptions(planner, spec, link), ...spec.bond.members];
    for (const member of new Set(members)) enslave(planner, spec, member);
  }
  dropOptionRecords(planner);
}

/** Returns the members that had to be released for it, those of others too. */
function setOptions(planner: Planner, spec: LinkSpec, link: DraftLink): string[] {
  const options = differing(spec, link, planner);
  const words = Object.keys(options);
  planner.owned.options.set(spec.name, Object.keys(spec.bond?.options ?? {}));
  if (words.length === 0) return [];
  const { name } = spec;
  const cause = causeOf(spec);
  const members = words.some(word => NEEDS_EMPTY.has(word))
    ? [...planner.draft.links.values()].filter(({ master }) => master === name).map(member => member.name)
    : [];
  const mustGoDown = members.length > 0 || words.some(word => NEEDS_DOWN.has(word));
  if (mustGoDown && link.isUp) planner.step({ kind: 'down', name, cause });
  for (const member of members) planner.step({ kind: 'release', name: member, cause });
  planner.step({ kind: 'bond-options', name, options, cause });
  return members;
}

function differing(spec: LinkSpec, link: DraftLink, planner: Planner): BondOptions {
  const wanted = spec.bond?.options ?? {};
  const mode = wanted['mode'] ?? (hadOption(planner, spec.name, 'mode') ? 'balance-rr' : (link.options['mode'] ?? ''));
  const options: Record<string, string> = {};
  for (const [word, value] of Object.entries(wanted)) {
    if (word === 'primary' && planner.draft.links.get(value)?.master !== spec.name) continue; // shown of members only
    if (link.options[word] !== effective(word, value, wanted, link.options)) options[word] = value;
  }
  for (const word of planner.before.options.get(spec.name) ?? []) {
    const reset = DEFAULTS[word];
    if (word in wanted || !reset || (reset.modes && !reset.modes.includes(mode))) continue;
    if (link.options[word] !== undefined && link.options[word] !== reset.value) options[word] = reset.value;
  }
  return options;
}

function hadOption(planner: Planner, bond: string, word: string): boolean {
  return planner.before.options.get(bond)?.includes(word) ?? false;
}

/** The kernel rounds delays down to whole checks of the carrier. */
function effective(word: string, value: string, wanted: BondOptions, present: BondOptions): string {
  if (!['updelay', 'downdelay', 'peer_notify_delay'].includes(word)) return value;
  const step = Number(wanted['miimon'] ?? present['miimon'] ?? 0);
  return step > 0 ? String(Math.floor(Number(value) / step) * step) : value;
}

function enslave(planner: Planner, spec: LinkSpec, member: string): void {
  const link = planner.draft.links.get(member);
  const cause = causeOf(spec);
  if (!link) {
    planner.problem(`bond subinterface ${member} does not exist`, cause);
    return;
  }
  if (link.master === spec.name) {
    if (!link.isUp) planner.step({ kind: 'up', name: member, cause });
    return;
  }
  if (link.isUp) planner.step({ kind: 'down', name: member, cause });
  planner.step({ kind: 'enslave', name: member, master: spec.name, cause });
  planner.owned.members.add(`${member} ${spec.name}`);
}

function dropOptionRecords(planner: Planner): void {
  const bonds = new Set(planner.wanted.links.filter(({ bond }) => bond).map(({ name }) => name));
  for (const name of planner.before.options.keys()) {
    if (!bonds.has(name)) planner.owned.options.delete(name);
  }
}
