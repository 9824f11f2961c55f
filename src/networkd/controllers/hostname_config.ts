import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { type HostnameSpec, HostnameSpecs } from '../../resources/network/hostname_spec.ts';
import { LAYERS_NAMESPACE, type Layer, layeredId } from '../../resources/network/layer.ts';
import { type Controller, input, output, type Source } from '../../runtime/controller.ts';
import { buildDevices } from '../model/devices.ts';
import { addressNames, DEFAULT_NAME, splitName } from '../model/names.ts';
import type { NetworkProblem } from '../problems.ts';
import type { ConfigSources } from './device_config.ts';
import { onLinksChange } from './sources.ts';

/**
 * Says how config, platform, kernel command line, fixed addresses and default name this machine (spec/network.md §7.4).
 * A name that cannot be is told and left out.
 */
export function hostnameConfigController(
  options: ConfigSources & { readonly platformHostname: () => string | undefined; readonly onPlatformHostname: Source },
): Controller {
  const { network, cmdline, problems, platformHostname, onPlatformHostname } = options;
  return {
    name: 'network.HostnameConfigController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [output(HostnameSpecs, { namespace: LAYERS_NAMESPACE, kind: 'shared' })],
    sources: [onLinksChange(network), onPlatformHostname],
    reconcile(ctx) {
      const config = ctx.find(MachineConfigs, MACHINE_CONFIG_ID)?.spec.config.machine?.network;
      const found: NetworkProblem[] = [];
      const named = (layer: Layer, name: string | undefined, path: string): HostnameSpec[] => {
        if (!name) return [];
        const parts = splitName(name);
        if (typeof parts !== 'string') return [{ ...parts, address: '', link: '', layer, path }];
        found.push({ message: parts, cause: path || layer });
        return [];
      };
      const { devices, ipArgument } = buildDevices({ network: config, cmdline, links: network.snapshot.links });
      const specs = [
        DEFAULT_NAME,
        ...addressNames(devices, ipArgument),
        ...named('platform', platformHostname()?.trim(), ''),
        ...named('cmdline', cmdline.first('talos.hostname'), 'talos.hostname='),
        ...named('config', config?.hostname, 'machine.network.hostname'),
      ];
      problems.report('hostname', found);
      ctx.writeAll(
        HostnameSpecs,
        new Map(specs.map(spec => [layeredId(spec.layer, spec.link || 'hostname'), spec])),
        LAYERS_NAMESPACE,
      );
    },
  };
}
