import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Layered } from './layer.ts';

/** An address as it is wanted. */
export interface AddressSpec extends Layered {
  /** Canonical `address/prefix`, host bits kept. */
  readonly address: string;
  readonly link: string;
}

/** Wanted addresses: by layer in `network-config`, merged in `network`. */
export const AddressSpecs: ResourceType<AddressSpec> = {
  type: 'AddressSpecs.net.talos.dev',
  display: 'network.AddressSpec',
  defaultNamespace: 'network',
  printColumns: [
    { name: 'Layer', jsonPath: '{.layer}' },
    { name: 'Address', jsonPath: '{.address}' },
    { name: 'Link', jsonPath: '{.link}' },
  ],
  toYaml: ({ address, link, layer, path }) => toYaml({ address, link, layer, path }),
};

/** Id of an address: `eth0/10.5.0.2/24`. */
export function addressId({ link, address }: { readonly link: string; readonly address: string }): string {
  return `${link}/${address}`;
}
