import { TalosdError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';
import { isLinkName } from './ip-operations.ts';

/** Sets one of /proc/sys/net/ipv6/conf/<link>. A program writes it, so that it is the one of that program's namespace. */
export async function setIpv6Setting(exec: Exec, link: string, name: string, value: number): Promise<void> {
  if (!isLinkName(link)) throw new TalosdError('invalid_argument', `${JSON.stringify(link)} can't be a link`);
  const result = await exec('tee', [`/proc/sys/net/ipv6/conf/${link}/${name}`], { input: `${value}\n` });
  if (result.failed) throw execError(result);
}
