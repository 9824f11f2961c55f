import { array, nullish, object, optional, safeParse, unknown } from 'valibot';
import { TalosdError } from '../lib/errors.ts';
import type { Downloader } from './download.ts';
import { addressMetadata, knownAddresses, readJson, userData } from './metadata.ts';
import type { Platform } from './platform.ts';

const networkInterfaces = array(
  object({ accessConfigs: nullish(array(object({ externalIp: optional(unknown()) })), []) }),
);

/** An instance of Google's Compute Engine; its name is the configured one (sequences-and-services.md §5). */
export function gcpPlatform(downloader: Downloader, baseUrl = 'http://metadata.google.internal'): Platform {
  const service = {
    downloader,
    baseUrl: `${baseUrl}/computeMetadata/v1/instance`,
    headers: { 'Metadata-Flavor': 'Google' },
  };
  return {
    name: 'gcp',
    mode: 'cloud',
    configuration: context => userData(service, '/attributes/user-data', context),
    hostname: async () => undefined,
    externalAddresses: async context => {
      const text = await addressMetadata(service, '/network-interfaces/?recursive=true', context);
      const links = safeParse(networkInterfaces, readJson(text, 'the list of network interfaces'));
      if (!links.success) throw new TalosdError('unknown', 'the list of network interfaces has an unexpected form');
      const found = links.output.flatMap(({ accessConfigs }) =>
        (accessConfigs ?? []).map(({ externalIp }) => externalIp),
      );
      return knownAddresses(found, context);
    },
  };
}
