import { HOSTNAME_ID, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { RESOLVERS_ID, ResolverSpecs } from '../../resources/network/resolver_spec.ts';
import { ResolverStatuses } from '../../resources/network/resolver_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { parseResolvConf, writeInPlace } from '../../system/etc-files.ts';
import { readFileIfExists } from '../../system/files.ts';
import { kernelDomainname } from '../../system/hostname.ts';
import type { FilesMode } from './hosts_file.ts';

/** More are not asked by any resolver. */
const MOST_SERVERS = 3;

/**
 * Writes resolv.conf where this machine is ours, and says what it holds (spec/network.md §7.1). The search domain is that
 * of the machine, where it sets its own names, else the kernel's.
 */
export function resolverStatusController(options: FilesMode & { readonly setsNames: boolean }): Controller {
  const file = options.paths.toHost('/etc/resolv.conf');
  return {
    name: 'network.ResolverStatusController',
    inputs: [input(ResolverSpecs, { id: RESOLVERS_ID }), input(HostnameSpecs, { id: HOSTNAME_ID })],
    outputs: [output(ResolverStatuses)],
    async reconcile(ctx) {
      const wanted = ctx.find(ResolverSpecs, RESOLVERS_ID)?.spec;
      const names = ctx.find(HostnameSpecs, HOSTNAME_ID)?.spec;
      const servers = wanted?.servers.slice(0, MOST_SERVERS) ?? [];
      if (options.mode === 'manage' && wanted && names) {
        const domain = options.setsNames ? names.domain : await kernelDomainname();
        const lines = [...servers.map(server => `nameserver ${server}`), ...(domain ? [`search ${domain}`] : [])];
        if (await writeInPlace(file, `${lines.join('\n')}\n`)) options.log.info('writing resolvconf');
      }
      const found = parseResolvConf((await readFileIfExists(file))?.toString() ?? '');
      const isOurs = wanted !== undefined && servers.join(' ') === found.servers.join(' ');
      ctx.write(ResolverStatuses, RESOLVERS_ID, { ...found, layer: isOurs ? wanted.layer : 'foreign' });
    },
  };
}
