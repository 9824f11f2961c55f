import type { NetworkSnapshot } from '../../system/network-snapshot.ts';
import { addAddresses, removeAddresses } from './addresses.ts';
import { configureBonds, releaseMembers } from './bonds.ts';
import { bringUp, createLinks, removeLinks, setMtus } from './links.ts';
import { Planner } from './planner.ts';
import { addRoutes, removeRoutes } from './routes.ts';
import type { Owned, Plan, Wanted } from './types.ts';

/**
 * The steps from the network as it is to the network as it shall be (spec/network.md §4, §5): what is ours and no longer
 * wanted goes; links are created, bonds before VLANs; members are enslaved; then MTUs, links up, addresses, routes.
 * Nothing is touched that is neither wanted nor ours. Pure: planning again after the steps gives none.
 */
export function planNetwork(wanted: Wanted, observed: NetworkSnapshot, owned: Owned): Plan {
  const planner = new Planner(wanted, observed, owned);
  removeRoutes(planner);
  removeAddresses(planner);
  releaseMembers(planner);
  removeLinks(planner);
  const links = createLinks(planner);
  configureBonds(planner, links);
  setMtus(planner, links);
  bringUp(planner, links);
  addAddresses(planner);
  addRoutes(planner);
  return planner.plan;
}
