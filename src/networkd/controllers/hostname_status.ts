import { HOSTNAME_ID, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { HostnameStatuses } from '../../resources/network/hostname_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { kernelDomainname, kernelHostname, setKernelNames } from '../../system/hostname.ts';

/**
 * Gives the kernel its names where they are ours to give, and says what they are (spec/network.md §7.3): in a container
 * and on somebody's machine they are only read.
 */
export function hostnameStatusController({ setsNames }: { readonly setsNames: boolean }): Controller {
  return {
    name: 'network.HostnameStatusController',
    inputs: [input(HostnameSpecs, { id: HOSTNAME_ID })],
    outputs: [output(HostnameStatuses)],
    async reconcile(ctx) {
      const wanted = ctx.find(HostnameSpecs, HOSTNAME_ID)?.spec;
      if (setsNames && wanted) await setKernelNames(wanted);
      const hostname = kernelHostname();
      const domain = await kernelDomainname();
      const isOurs = wanted?.hostname === hostname && wanted.domain === domain;
      ctx.write(HostnameStatuses, HOSTNAME_ID, { hostname, domain, layer: isOurs ? wanted.layer : 'foreign' });
    },
  };
}
