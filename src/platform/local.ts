import type { Platform } from './platform.ts';

/**
 * A node as an ordinary process on somebody's machine: everything it changes lies in its state folder, the machine's
 * network, disks, clock and power are only read. `configuration` is what `--config` names, or what was generated at the
 * first start.
 */
export function localPlatform(options: { configuration: () => Promise<Uint8Array>; listenAddress: string }): Platform {
  return {
    name: 'local',
    mode: 'container',
    configuration: async ({ log }) => {
      log.info('fetching machine config from: the state folder');
      return options.configuration();
    },
    hostname: async () => undefined,
    // A wildcard is no address to put into a certificate.
    externalAddresses: async () => (/^(0\.0\.0\.0|::)$/.test(options.listenAddress) ? [] : [options.listenAddress]),
  };
}
