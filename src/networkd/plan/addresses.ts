import { addressId } from '../../resources/network/address_spec.ts';
import { layerRank } from '../../resources/network/layer.ts';
import { familyOn } from '../awaited.ts';
import type { Planner } from './planner.ts';
import { causeOf } from './types.ts';

const byPlace = new Intl.Collator('en', { numeric: true });

/** Takes away addresses of ours that nobody wants. */
export function removeAddresses(planner: Planner): void {
  const wanted = new Set(planner.wanted.addresses.map(addressId));
  for (const id of planner.before.addresses) {
    if (wanted.has(id)) continue;
    const slash = id.indexOf('/');
    const link = id.slice(0, slash);
    const address = id.slice(slash + 1);
    if (planner.wanted.awaited?.has(familyOn(link, address))) continue;
    if (!planner.draft.hasAddress(link, address)) planner.owned.addresses.delete(id);
    else planner.step({ kind: 'delete-address', link, address, cause: 'no longer wanted' });
  }
}

/** Adds the missing ones, in the order of the config: the first one of a network is its primary address. */
export function addAddresses(planner: Planner): void {
  const inOrder = [...planner.wanted.addresses].sort(
    (a, b) => layerRank(b.layer) - layerRank(a.layer) || byPlace.compare(a.path, b.path),
  );
  for (const spec of inOrder) {
    const { link: name, address } = spec;
    const link = planner.draft.links.get(name);
    if (!link || link.addresses.has(address)) continue;
    const cause = causeOf(spec);
    const other = address.includes(':') ? sameAddress(link.addresses.keys(), address) : undefined;
    if (other !== undefined) {
      planner.problem(`${name} has the address as ${other}, made by somebody else: ${address} is left out`, cause);
      continue;
    }
    planner.step({ kind: 'add-address', link: name, address, cause });
    planner.owned.addresses.add(addressId(spec));
  }
}

/** The kernel takes an IPv6 address once a link, whatever its prefix. */
function sameAddress(present: Iterable<string>, address: string): string | undefined {
  const start = address.slice(0, address.indexOf('/') + 1);
  for (const other of present) if (other.startsWith(start)) return other;
  return undefined;
}
