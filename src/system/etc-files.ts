import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { osError } from '../lib/errors.ts';
import { readFileIfExists } from './files.ts';

/**
 * Gives a file another content without replacing the file itself: /etc/hosts and /etc/resolv.conf are bind mounts, which
 * cannot be renamed over (spec/network.md §1). Returns whether the content was another one. A new file gets `mode`.
 */
export async function writeInPlace(path: string, text: string, mode = 0o644): Promise<boolean> {
  const present = await readFileIfExists(path);
  if (present?.toString() === text) return false;
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT, mode);
    try {
      const bytes = Buffer.from(text);
      await file.write(bytes, 0, bytes.length, 0);
      await file.truncate(bytes.length);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw osError('write', path, error);
  }
  return true;
}

/** What a resolv.conf says. */
export function parseResolvConf(text: string): { servers: string[]; searchDomains: string[] } {
  const lines = text.split('\n').map(line => line.trim().split(/\s+/));
  return {
    servers: lines.filter(([word]) => word === 'nameserver').flatMap(([, server]) => server ?? []),
    searchDomains: lines.findLast(([word]) => word === 'search')?.slice(1) ?? [],
  };
}
