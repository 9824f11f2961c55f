import type { ExtraHost } from '../../config/schema/network.ts';
import type { Logger } from '../../lib/logger.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { HOSTNAME_ID, type HostnameSpec, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { type Controller, input } from '../../runtime/controller.ts';
import { writeInPlace } from '../../system/etc-files.ts';
import type { NodePaths } from '../../system/paths.ts';

/** Whether this machine is ours to change, and where its files are. */
export interface FilesMode {
  readonly mode: 'manage' | 'observe';
  readonly paths: NodePaths;
  readonly log: Logger;
}

/** Writes /etc/hosts in place (spec/network.md §7.2). */
export function hostsFileController({ paths }: FilesMode): Controller {
  return {
    name: 'network.HostsFileController',
    inputs: [input(HostnameSpecs, { id: HOSTNAME_ID }), input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [],
    async reconcile(ctx) {
      const names = ctx.find(HostnameSpecs, HOSTNAME_ID)?.spec;
      if (!names) return;
      const network = ctx.find(MachineConfigs, MACHINE_CONFIG_ID)?.spec.config.machine?.network;
      await writeInPlace(paths.toHost('/etc/hosts'), hostsText(names, network?.extraHostEntries ?? []));
    },
  };
}

/** The text of /etc/hosts; the full name stands after the short one. */
export function hostsText(
  { hostname, domain, address }: Pick<HostnameSpec, 'hostname' | 'domain' | 'address'>,
  extra: readonly ExtraHost[],
): string {
  const lines = [
    '127.0.0.1 localhost',
    `${address} ${hostname}${domain === '' ? '' : ` ${hostname}.${domain}`}`,
    '::1 localhost ip6-localhost ip6-loopback',
    'ff02::1 ip6-allnodes',
    'ff02::2 ip6-allrouters',
    // What would start a line of its own is no name.
    ...extra.map(({ ip = '', aliases = [] }) => [ip, ...aliases].filter(word => /^\S+$/.test(word)).join(' ')),
  ];
  return `${lines.join('\n')}\n`;
}
