import type { LinkSpec } from '../../resources/network/link_spec.ts';
import type { BondOptions, LinkCreation } from '../../system/ip-operations.ts';
import type { Planner } from './planner.ts';
import { causeOf } from './types.ts';

const REMOVED = 'no longer wanted';

/** Takes away links of ours that nobody wants, or that shall be of another kind: VLANs before what they stand on. */
export function removeLinks(planner: Planner): void {
  const wanted = new Map(planner.wanted.links.map(link => [link.name, link]));
  const owned = [...planner.before.links].map(name => ({ name, link: planner.draft.links.get(name) }));
  const vlansFirst = owned.sort((a, b) => Number(b.link?.kind === 'vlan') - Number(a.link?.kind === 'vlan'));
  for (const { name, link } of vlansFirst) {
    const spec = wanted.get(name);
    if (!link && !spec) planner.owned.links.delete(name);
    if (!link || !planner.draft.links.has(name)) continue;
    if (spec && (spec.kind === link.kind || spec.kind === 'physical')) continue;
    planner.step({ kind: 'delete-link', name, cause: spec ? causeOf(spec) : REMOVED });
  }
}

/** Creates what is missing, VLANs after what they stand on (spec/network.md §4). Returns the links that are there. */
export function createLinks(planner: Planner): LinkSpec[] {
  const specs = planner.wanted.links;
  const inOrder = [...specs.filter(link => link.kind !== 'vlan'), ...specs.filter(link => link.kind === 'vlan')];
  return inOrder.filter(spec => {
    const { name } = spec;
    const cause = causeOf(spec);
    if (planner.draft.links.has(name)) return true;
    const link = creationOf(spec, planner);
    if (!link) {
      planner.problem(`error creating nic ${JSON.stringify(name)}: unknown device type: no link has this name`, cause);
      return false;
    }
    if (link.type === 'vlan' && !planner.draft.links.has(link.parent)) {
      planner.problem(`error creating sub interface nic ${JSON.stringify(name)}: no link ${link.parent}`, cause);
      return false;
    }
    planner.step({ kind: 'create-link', name, link, cause });
    planner.owned.links.add(name);
    if (link.type === 'bond') planner.owned.options.set(name, Object.keys(link.options));
    return true;
  });
}

function creationOf(spec: LinkSpec, planner: Planner): LinkCreation | undefined {
  switch (spec.kind) {
    case 'physical':
      return undefined;
    case 'bond':
      return { type: 'bond', options: possibleOptions(spec, planner) };
    case 'vlan':
      return spec.vlan && { type: 'vlan', ...spec.vlan };
    default:
      return { type: spec.kind };
  }
}

/** A primary link that does not exist would make the whole bond fail. */
function possibleOptions(spec: LinkSpec, planner: Planner): BondOptions {
  const { primary, ...options } = spec.bond?.options ?? {};
  return primary !== undefined && planner.draft.links.has(primary) ? { ...options, primary } : options;
}

/** Sets MTUs, and gives back the former one where none is wanted any more. */
export function setMtus(planner: Planner, links: readonly LinkSpec[]): void {
  const wanted = new Set<string>();
  for (const spec of links) {
    const link = planner.draft.links.get(spec.name);
    if (!link || spec.mtu === 0) continue;
    wanted.add(spec.name);
    if (link.mtu === spec.mtu) continue;
    if (!planner.owned.mtus.has(spec.name)) planner.owned.mtus.set(spec.name, link.mtu);
    planner.step({ kind: 'mtu', name: spec.name, mtu: spec.mtu, cause: causeOf(spec) });
  }
  for (const [name, mtu] of planner.before.mtus) {
    if (wanted.has(name)) continue;
    const link = planner.draft.links.get(name);
    if (!link || link.mtu === mtu) planner.owned.mtus.delete(name);
    else planner.step({ kind: 'mtu', name, mtu, cause: REMOVED });
  }
}

/** Brings links up. */
export function bringUp(planner: Planner, links: readonly LinkSpec[]): void {
  for (const spec of links) {
    const link = planner.draft.links.get(spec.name);
    if (spec.up && link && !link.isUp) planner.step({ kind: 'up', name: spec.name, cause: causeOf(spec) });
  }
}
