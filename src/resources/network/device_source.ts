import type { ResourceType } from '../../runtime/resource.ts';
import { toYaml } from '../yaml.ts';

/** Which machine config the wanted links, addresses, routes and operators were made from. */
export interface DeviceSource {
  /** Version of the resource of that config; 0 before there is one. */
  readonly config: number;
}

/** Id of the only one in each namespace. */
export const DEVICE_SOURCE_ID = 'devices';

/** By layer in `network-config`, merged in `network`: who compares what is wanted with what is there knows whether it is current. */
export const DeviceSources: ResourceType<DeviceSource> = {
  type: 'DeviceSources.net.talos.dev',
  display: 'network.DeviceSource',
  defaultNamespace: 'network',
  aliases: ['devicesource', 'devicesources'],
  printColumns: [{ name: 'Config', jsonPath: '{.config}' }],
  toYaml: spec => toYaml({ ...spec }),
};
