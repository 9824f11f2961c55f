import { hostname } from 'node:os';
import { readFileIfExists } from './files.ts';

/** The host name that the kernel has now. */
export function kernelHostname(): string {
  return hostname();
}

/** The NIS domain name of the kernel, which Talos fills with the DNS domain; empty when there is none. */
export async function kernelDomainname(): Promise<string> {
  const text = (await readFileIfExists('/proc/sys/kernel/domainname'))?.toString().trim() ?? '';
  return text === '(none)' ? '' : text;
}
