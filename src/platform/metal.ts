import { join } from 'node:path';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { parseGoUrl } from '../lib/go-url.ts';
import type { Logger } from '../lib/logger.ts';
import { readFileLimited } from '../system/files.ts';
import { redactUrl } from '../system/http.ts';
import type { VolumeReader } from '../system/volume.ts';
import type { Downloader } from './download.ts';
import type { KernelArguments } from './kernel-args.ts';
import type { Platform, PlatformContext } from './platform.ts';

/** Kernel argument that says where the config comes from. */
export const CONFIG_ARGUMENT = 'talos.config';
/** Label of the volume that carries a config, which is also the value of the argument that asks for it. */
const VOLUME_LABEL = 'metal-iso';
const VOLUME_TYPES = ['iso9660', 'vfat', 'xfs'];
/** What an installer writes that was given no source. */
const NO_SOURCE = 'none';

/** What the platform needs of the machine. */
export interface MetalMachine {
  readonly kernelArguments: () => Promise<KernelArguments>;
  /** The machine's SMBIOS system UUID. */
  readonly systemUuid: () => Promise<string>;
  readonly volumes: VolumeReader;
  readonly downloader: Downloader;
}

/** A machine of one's own: the kernel argument `talos.config` says where its config is (sequences-and-services.md §5). */
export function metalPlatform(machine: MetalMachine): Platform {
  return {
    name: 'metal',
    mode: 'metal',
    configuration: async context => {
      const source = (await machine.kernelArguments()).first(CONFIG_ARGUMENT);
      if (!source || source === NO_SOURCE) return undefined;
      context.log.info(`fetching machine config from: "${redactUrl(source)}"`);
      if (source === VOLUME_LABEL) return fromVolume(machine.volumes, context);
      const url = await metalConfigUrl(source, machine.systemUuid, context.log);
      return machine.downloader.download(url, context);
    },
    hostname: async () => undefined,
    externalAddresses: async () => [],
  };
}

/**
 * The URL that a value of `talos.config` stands for: the query parameter `uuid` gets the machine's UUID, others stay and are
 * noted; a query is written anew in order of its keys. An install passes this URL on to the installer.
 */
export async function metalConfigUrl(source: string, systemUuid: () => Promise<string>, log: Logger): Promise<string> {
  const { url, error } = parseGoUrl(source);
  if (!url) throw new TalosdError('invalid_argument', `failed to parse ${CONFIG_ARGUMENT}: ${redactUrl(error)}`);
  const parameters = new URLSearchParams(url.query);
  const keys = [...new Set(parameters.keys())].sort();
  if (keys.length === 0) return url.text;
  for (const key of keys) {
    if (key === 'uuid') parameters.set('uuid', await systemUuid());
    else log.warn(`unsupported query parameter: "${key}"`);
  }
  const query = keys.flatMap(key => parameters.getAll(key).map(value => `${escapeQuery(key)}=${escapeQuery(value)}`));
  const text = url.fragment ? url.text.slice(0, -url.fragment.length) : url.text;
  return `${text.slice(0, -url.query.length)}?${query.join('&')}${url.fragment}`;
}

async function fromVolume(volumes: VolumeReader, { signal, log }: PlatformContext): Promise<Buffer> {
  const volume = await volumes.find(VOLUME_LABEL, VOLUME_TYPES, signal).catch((error: unknown) => {
    throw new TalosdError('unknown', `failed to find ${VOLUME_LABEL} iso: ${errorMessage(error)}`, { cause: error });
  });
  log.info(`${volume.device} carries the config`);
  const folder = await volumes.mount(volume, signal).catch((error: unknown) => {
    throw new TalosdError('unknown', `failed to mount iso: ${errorMessage(error)}`, { cause: error });
  });
  try {
    return await readFileLimited(join(folder, 'config.yaml'));
  } catch (error) {
    throw new TalosdError('unknown', `read config: ${errorMessage(error)}`, { cause: error });
  } finally {
    await volumes.unmount(folder);
  }
}

/** As Go's net/url writes a part of a query. */
function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
