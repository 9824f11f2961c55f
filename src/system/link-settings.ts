import { readFile } from 'node:fs/promises';
import { osError, TalosdError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';
import { errnoOf } from './files.ts';
import { isLinkName } from './ip-operations.ts';

/** Sets one of /proc/sys/net/ipv6/conf/<link>. A program writes it, so that it is the one of that program's namespace. */
export async function setIpv6Setting(exec: Exec, link: string, name: string, value: number): Promise<void> {
  if (!isLinkName(link)) throw new TalosdError('invalid_argument', `${JSON.stringify(link)} can't be a link`);
  const result = await exec('tee', [`/proc/sys/net/ipv6/conf/${link}/${name}`], { input: `${value}\n` });
  if (result.failed) throw execError(result);
}

/** What one of /proc/sys/net/ipv6/conf/<link> says; undefined where the kernel has no IPv6, or no such link. */
export async function ipv6Setting(link: string, name: string): Promise<number | undefined> {
  const path = `/proc/sys/net/ipv6/conf/${link}/${name}`;
  try {
    return Number(await readFile(path, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw osError('read', path, error);
  }
}
