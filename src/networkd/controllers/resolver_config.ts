import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { LAYERS_NAMESPACE, layeredId } from '../../resources/network/layer.ts';
import { type ResolverSpec, ResolverSpecs } from '../../resources/network/resolver_spec.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import { readIpArgument } from '../model/kernel-arguments.ts';
import type { ConfigSources } from './device_config.ts';
import { onLinksChange } from './sources.ts';

const DEFAULT_SERVERS = ['1.1.1.1', '8.8.8.8'];

/** Says which DNS servers config, kernel command line and defaults name (spec/network.md §7.1). */
export function resolverConfigController({ network, cmdline }: ConfigSources): Controller {
  return {
    name: 'network.ResolverConfigController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [output(ResolverSpecs, { namespace: LAYERS_NAMESPACE, kind: 'shared' })],
    sources: [onLinksChange(network)],
    reconcile(ctx) {
      const configured = ctx.find(MachineConfigs, MACHINE_CONFIG_ID)?.spec.config.machine?.network?.nameservers ?? [];
      // A blank would end the line in the file that they go to.
      const servers = configured.filter(server => /^\S+$/.test(server));
      const argument = readIpArgument(cmdline, network.snapshot.links);
      const specs: ResolverSpec[] = [{ servers: DEFAULT_SERVERS, link: '', layer: 'default', path: '' }];
      if (argument && argument.resolvers.length > 0) {
        specs.push({ servers: argument.resolvers, link: argument.link, layer: 'cmdline', path: 'ip=' });
      }
      if (servers.length > 0) specs.push({ servers, link: '', layer: 'config', path: 'machine.network.nameservers' });
      ctx.writeAll(
        ResolverSpecs,
        new Map(specs.map(spec => [layeredId(spec.layer, spec.link || 'resolvers'), spec])),
        LAYERS_NAMESPACE,
      );
    },
  };
}
