import { join } from 'node:path';
import { RunningProcess } from './process.ts';

/** Whatever runs programs in a namespace. */
export interface Inside {
  command(...words: string[]): [string, ...string[]];
}

/** Starts dnsmasq as a DHCP server alone in a namespace; resolves when it serves. Its log is its standard error. */
export async function startDnsmasq(host: Inside, folder: string, options: readonly string[]): Promise<RunningProcess> {
  const fixed = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--log-dhcp', '--dhcp-authoritative'];
  const leases = `--dhcp-leasefile=${join(folder, 'leases')}`;
  const [first, ...words] = host.command('dnsmasq', ...fixed, leases, ...options);
  const server = new RunningProcess(first, words);
  await server.waitFor(({ stderr }) => stderr.includes('DHCP, IP range'));
  return server;
}
