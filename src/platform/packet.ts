import { isUtf8 } from 'node:buffer';
import { TalosdError } from '../lib/errors.ts';
import type { HardwareLink } from '../system/hardware-links.ts';
import type { Downloader } from './download.ts';
import { inflated } from './inflate.ts';
import { rules, userData } from './metadata.ts';
import { type PacketMetadata, readPacketMetadata, withBond } from './packet-network.ts';
import type { Platform, PlatformContext } from './platform.ts';

/** What the platform needs of the machine. */
export interface PacketMachine {
  readonly downloader: Downloader;
  readonly links: (signal: AbortSignal) => Promise<HardwareLink[]>;
  /** Where the metadata service is; replaced in tests only. */
  readonly baseUrl?: string;
}

/**
 * A server of Equinix Metal, once Packet: the config is its user data, to which the bond is added that the metadata
 * describes (sequences-and-services.md §5, network.md §3.3).
 */
export function packetPlatform(machine: PacketMachine): Platform {
  const { downloader, links, baseUrl = 'https://metadata.platformequinix.com' } = machine;
  const service = { downloader, baseUrl };
  const metadataUrl = `${baseUrl}/metadata`;
  const metadata = async (context: PlatformContext): Promise<PacketMetadata> => {
    const bytes = await downloader.download(metadataUrl, context, rules(service));
    return readPacketMetadata(bytes?.toString() ?? '');
  };
  return {
    name: 'packet',
    mode: 'metal',
    configuration: async context => {
      const config = await userData(service, '/userdata', context);
      if (!config) return undefined;
      context.log.info(`fetching equinix network config from: "${metadataUrl}"`);
      const { network, privateSubnets } = await metadata(context);
      const document = Buffer.from(await inflated(config));
      if (!isUtf8(document)) throw new TalosdError('unknown', 'failed to parse config: it is no UTF-8 text');
      const present = await links(context.signal);
      return Buffer.from(withBond(document.toString(), { network, privateSubnets, links: present, log: context.log }));
    },
    hostname: async context => (await metadata(context)).hostname,
    externalAddresses: async () => [],
  };
}
