import { array, nullish, object, optional, safeParse, unknown } from 'valibot';
import { decodeBase64 } from '../lib/base64.ts';
import { TalosdError } from '../lib/errors.ts';
import { escapeXml, parseXml, xmlFind } from '../lib/xml.ts';
import type { Downloader } from './download.ts';
import {
  addressMetadata,
  knownAddresses,
  type MetadataService,
  metadataHostname,
  readJson,
  rules,
} from './metadata.ts';
import type { Platform, PlatformContext } from './platform.ts';

const VERSION = 'api-version=2019-06-01';
const addresses = nullish(object({ ipAddress: nullish(array(object({ publicIpAddress: optional(unknown()) })), []) }));
const networkInterfaces = array(object({ ipv4: addresses, ipv6: addresses }));

/** Where the services of the platform are; replaced in tests only. */
export interface AzureServices {
  /** The instance metadata service. */
  readonly metadata: string;
  /** Who waits to hear that the machine has started. */
  readonly fabric: string;
}

const SERVICES: AzureServices = { metadata: 'http://169.254.169.254', fabric: 'http://168.63.129.16' };

/**
 * A virtual machine of Azure: the config is its custom data in base64, and the platform is told that the machine is ready
 * once that has come (sequences-and-services.md §5). There is always custom data, so a machine without it fails.
 */
export function azurePlatform(downloader: Downloader, services = SERVICES): Platform {
  const service = { downloader, baseUrl: `${services.metadata}/metadata/instance`, headers: { Metadata: 'true' } };
  return {
    name: 'azure',
    mode: 'cloud',
    configuration: async context => {
      const config = await customData(service, context);
      await reportReady(downloader, services.fabric, context);
      return config;
    },
    hostname: context => metadataHostname(service, `/compute/name?${VERSION}&format=text`, context),
    externalAddresses: async context => {
      const text = await addressMetadata(service, `/network/interface?${VERSION}`, context);
      const links = safeParse(networkInterfaces, readJson(text, 'the list of network interfaces'));
      if (!links.success) throw new TalosdError('unknown', 'the list of network interfaces has an unexpected form');
      const found = links.output.flatMap(({ ipv4, ipv6 }) => [...(ipv4?.ipAddress ?? []), ...(ipv6?.ipAddress ?? [])]);
      return knownAddresses(
        found.map(({ publicIpAddress }) => publicIpAddress),
        context,
      );
    },
  };
}

async function customData(service: MetadataService, context: PlatformContext): Promise<Uint8Array> {
  const url = `${service.baseUrl}/compute/customData?${VERSION}&format=text`;
  context.log.info(`fetching machine config from: "${url}"`);
  const text = (await service.downloader.download(url, context, rules(service)))?.toString().trim() ?? '';
  if (text === '') throw new TalosdError('unknown', 'this machine has no custom data to take a config from');
  const { bytes, badOffset } = decodeBase64(text);
  if (!bytes) throw new TalosdError('unknown', `custom data: illegal base64 data at input byte ${badOffset}`);
  return bytes;
}

/** Tells the platform that this machine has started; what it answers does not matter, that it hears it does. */
async function reportReady(downloader: Downloader, fabric: string, context: PlatformContext): Promise<void> {
  const how = {
    direct: true,
    headers: {
      'x-ms-agent-name': 'WALinuxAgent',
      'x-ms-version': '2015-04-05',
      'Content-Type': 'text/xml;charset=utf-8',
    },
  };
  const goal = await downloader.ask(`${fabric}/machine/?comp=goalstate`, context, how);
  await downloader.post(`${fabric}/machine/?comp=health`, healthReport(goal.body.toString()), context, how);
}

/** The report that answers a goal state: same incarnation, container and instance, in state Ready. */
function healthReport(goalState: string): string {
  const goal = parseXml(goalState);
  const text = (...path: string[]) => escapeXml(xmlFind(goal, ...path)[0]?.text.trim() ?? '');
  const instance = text('Container', 'RoleInstanceList', 'RoleInstance', 'InstanceId');
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">',
    `<GoalStateIncarnation>${text('Incarnation')}</GoalStateIncarnation>`,
    `<Container><ContainerId>${text('Container', 'ContainerId')}</ContainerId><RoleInstanceList><Role>`,
    `<InstanceId>${instance}</InstanceId><Health><State>Ready</State></Health>`,
    '</Role></RoleInstanceList></Container></Health>',
  ].join('');
}
