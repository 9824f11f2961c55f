import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Platform } from './platform.ts';
import type { ConfigParser, LoadedConfig, StoredConfig } from './stored-config.ts';

const inflate = promisify(gunzip);
const LARGEST_CONFIG = 16 * 1024 * 1024;

export interface AcquireOptions {
  readonly platform: Platform;
  readonly stored: StoredConfig;
  /** What the life of the agent before this one was told to go on with. */
  readonly handedOver?: LoadedConfig;
  readonly parse: ConfigParser;
  /** Lines of the task, without its head. */
  readonly taskLog: (message: string) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * The config to start with: the stored one unless it is absent, unreadable or not to be kept, else the platform's
 * (sequences-and-services.md §2.7). An agent that started anew in place goes on with what it was given then. `undefined` means that there is no source, so a person has to bring one.
 */
export async function acquireConfig(options: AcquireOptions): Promise<LoadedConfig | undefined> {
  if (options.handedOver) {
    options.taskLog('using the config that was applied');
    return options.handedOver;
  }
  const stored = await options.stored.load();
  if (stored?.config.persist) {
    options.taskLog('persistence is enabled, using existing config on disk');
    return stored;
  }
  options.taskLog(
    stored ? 'found existing config, but persistence is disabled, downloading config' : 'downloading config',
  );
  const bytes = await options.platform.configuration({ signal: options.signal, log: options.log });
  if (!bytes) return undefined;
  options.taskLog('storing config in memory');
  return options.parse(await plain(bytes), `${options.platform.name} config`);
}

/** Platforms may hand out gzip; it is told by its first three bytes. */
async function plain(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 0x08) return bytes;
  try {
    return await inflate(bytes, { maxOutputLength: LARGEST_CONFIG });
  } catch (error) {
    throw new TalosdError('unknown', `error unzipping machine config: ${errorMessage(error)}`, { cause: error });
  }
}
