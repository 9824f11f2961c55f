import { writeFile } from 'node:fs/promises';
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

/** Gives the kernel the name of this machine: host name and NIS domain name. Returns whether they were others. */
export async function setKernelNames(names: { readonly hostname: string; readonly domain: string }): Promise<boolean> {
  const isKnown = kernelHostname() === names.hostname && (await kernelDomainname()) === names.domain;
  if (isKnown) return false;
  await writeFile('/proc/sys/kernel/hostname', names.hostname);
  await writeFile('/proc/sys/kernel/domainname', names.domain === '' ? '(none)' : names.domain);
  return true;
}
