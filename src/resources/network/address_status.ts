import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';
import type { Origin } from './layer.ts';

/** An address as the kernel has it. */
export interface AddressStatus {
  readonly address: string;
  readonly link: string;
  readonly family: 'inet4' | 'inet6';
  readonly scope: 'global' | 'link' | 'host' | 'site' | 'nowhere';
  readonly layer: Origin;
}

/** The addresses of this machine, `<link>/<address>/<prefix>`. */
export const AddressStatuses: ResourceType<AddressStatus> = {
  type: 'AddressStatuses.net.talos.dev',
  display: 'network.AddressStatus',
  defaultNamespace: 'network',
  aliases: ['address', 'addresses'],
  printColumns: [
    { name: 'Address', jsonPath: '{.address}' },
    { name: 'Link', jsonPath: '{.link}' },
    { name: 'Scope', jsonPath: '{.scope}' },
    { name: 'Layer', jsonPath: '{.layer}' },
  ],
  toYaml: spec => toYaml({ ...spec }),
};
