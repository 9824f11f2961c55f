import type { Downloader } from './download.ts';
import { addressMetadata, knownAddresses, metadataHostname, userData } from './metadata.ts';
import type { Platform } from './platform.ts';

/** An EC2 instance, or OpenStack, whose metadata service answers the same questions (sequences-and-services.md §5). */
export function awsPlatform(
  name: 'aws' | 'openstack',
  downloader: Downloader,
  baseUrl = 'http://169.254.169.254',
): Platform {
  const service = { downloader, baseUrl };
  return {
    name,
    mode: 'cloud',
    configuration: context => userData(service, '/latest/user-data', context),
    hostname: context => metadataHostname(service, '/latest/meta-data/hostname', context),
    externalAddresses: async context => {
      const text = await addressMetadata(service, '/latest/meta-data/public-ipv4', context);
      return knownAddresses([text], context);
    },
  };
}
