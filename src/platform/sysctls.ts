import { writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { errorMessage, osError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { errnoOf } from '../system/files.ts';

/** Kernel parameters that a container has for itself; all others are those of its host. */
const OF_CONTAINERS = [/^net\./, /^kernel\.(?:msgmax|msgmnb|msgmni|sem|shm\w*|hostname|domainname)$/, /^fs\.mqueue\./];

/** What the node sets for itself in a container before the user's own come (machine-config.md §14.3). */
export const REQUIRED_IN_CONTAINER = { 'net.ipv4.ip_forward': '1', 'net.ipv6.conf.default.forwarding': '1' } as const;

export interface SysctlOptions {
  /** Folder of the parameters: `/proc/sys`. */
  readonly root: string;
  readonly log: Logger;
}

/**
 * Writes kernel parameters in a container: those that it has for itself, as far as it may. What it may not is said and
 * left alone, because nothing that a node in a container does reaches its host.
 */
export async function writeContainerSysctls(
  sysctls: Readonly<Record<string, string>>,
  { root, log }: SysctlOptions,
): Promise<void> {
  for (const [key, value] of Object.entries(sysctls)) {
    if (!OF_CONTAINERS.some(pattern => pattern.test(key))) {
      log.warn(`sysctl ${key} is left alone: it belongs to the host of this container`);
      continue;
    }
    try {
      await writeSysctl(root, key, value);
    } catch (error) {
      if (!['EROFS', 'EACCES', 'EPERM', 'ENOENT'].includes(errnoOf((error as Error).cause) ?? '')) throw error;
      log.warn(`sysctl ${key} is left alone: ${errorMessage(error)}`);
    }
  }
}

/** Writes one kernel parameter: dots of the key are folders, so it cannot lead out of `root`. */
export async function writeSysctl(root: string, key: string, value: string): Promise<void> {
  const path = posix.join(root, key.replaceAll('.', '/'));
  try {
    await writeFile(path, value, { flag: 'r+' });
  } catch (error) {
    throw osError('open', path, error);
  }
}
