import { AddressSpecs, addressId } from '../../resources/network/address_spec.ts';
import { type AddressStatus, AddressStatuses } from '../../resources/network/address_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { type AddressSnapshot, AF_INET } from '../../system/network-snapshot.ts';
import type { ObservedNetwork } from '../applier.ts';
import { onNetworkChange } from './sources.ts';

const SCOPES: Readonly<Record<number, AddressStatus['scope']>> = { 0: 'global', 200: 'site', 253: 'link', 254: 'host' };

/** Says what addresses there are, and which layer wants them. */
export function addressStatusController(network: ObservedNetwork): Controller {
  return {
    name: 'network.AddressStatusController',
    inputs: [input(AddressSpecs)],
    outputs: [output(AddressStatuses)],
    sources: [onNetworkChange(network)],
    reconcile(ctx) {
      if (network.isChanging) return; // called again at the end of it
      const layers = new Map(ctx.list(AddressSpecs).map(({ metadata, spec }) => [metadata.id, spec.layer]));
      const statuses = new Map<string, AddressStatus>();
      for (const link of network.snapshot.links) {
        for (const found of link.addresses) {
          const address = `${found.address}/${found.prefixLength}`;
          const id = addressId({ link: link.name, address });
          const layer = layers.get(id) ?? (isOfKernel(found) ? 'kernel' : 'foreign');
          const family = found.family === AF_INET ? 'inet4' : 'inet6';
          statuses.set(id, { address, link: link.name, family, scope: SCOPES[found.scope] ?? 'nowhere', layer });
        }
      }
      ctx.writeAll(AddressStatuses, statuses);
    },
  };
}

/** The kernel gives links their link-local addresses, and loopback its own. */
function isOfKernel({ address }: AddressSnapshot): boolean {
  return address.startsWith('fe80:') || address === '::1';
}
