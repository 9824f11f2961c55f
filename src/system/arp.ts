import { type Exec, execError } from './exec.ts';
import { setIpv6Setting } from './link-settings.ts';

/** Tells the neighbours of a link where an address is now. */
export interface Announcer {
  /** To be called before the link gets the address. */
  prepare(link: string, ip: string): Promise<void>;
  /** To be called when the link has it. */
  announce(link: string, ip: string): Promise<void>;
}

/**
 * IPv4: gratuitous ARP both as reply and as request, since neighbours differ in which they heed (spec/network.md §6).
 * IPv6: the kernel sends an unsolicited neighbour advertisement when it has found that nobody else has the address.
 */
export function neighbourAnnouncer(exec: Exec): Announcer {
  return {
    prepare: async (link, ip) => {
      if (ip.includes(':')) await setIpv6Setting(exec, link, 'ndisc_notify', 1);
    },
    announce: async (link, ip) => {
      if (ip.includes(':')) return;
      const send = (form: string) => exec('arping', [form, '-c', '1', '-I', link, ip], { timeoutMs: 10_000 });
      for (const result of await Promise.all([send('-A'), send('-U')])) if (result.failed) throw execError(result);
    },
  };
}
