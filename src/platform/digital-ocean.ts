import type { Downloader } from './download.ts';
import { addressMetadata, knownAddresses, metadataHostname, userData } from './metadata.ts';
import type { Platform } from './platform.ts';

/** A droplet of DigitalOcean (sequences-and-services.md §5). */
export function digitalOceanPlatform(downloader: Downloader, baseUrl = 'http://169.254.169.254'): Platform {
  const service = { downloader, baseUrl: `${baseUrl}/metadata/v1` };
  return {
    name: 'digital-ocean',
    mode: 'cloud',
    configuration: context => userData(service, '/user-data', context),
    hostname: context => metadataHostname(service, '/hostname', context),
    externalAddresses: async context => {
      const text = await addressMetadata(service, '/interfaces/public/0/ipv4/address', context);
      return knownAddresses([text], context);
    },
  };
}
