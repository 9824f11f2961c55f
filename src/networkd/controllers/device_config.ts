import type { MachineConfig } from '../../config/schema/config.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../../resources/config/machine_config.ts';
import { AddressSpecs, addressId } from '../../resources/network/address_spec.ts';
import { DEVICE_SOURCE_ID, DeviceSources } from '../../resources/network/device_source.ts';
import { LAYERS_NAMESPACE, type Layered, layeredId } from '../../resources/network/layer.ts';
import { LinkSpecs } from '../../resources/network/link_spec.ts';
import { OperatorSpecs, operatorId } from '../../resources/network/operator_spec.ts';
import { RouteSpecs, routeId } from '../../resources/network/route_spec.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import type { ObservedNetwork } from '../applier.ts';
import { buildDevices } from '../model/devices.ts';
import type { KernelArguments } from '../model/kernel-arguments.ts';
import { addressSpecs, linkSpecs, operatorSpecs, routeSpecs } from '../model/specs.ts';
import type { ProblemReporter } from '../problems.ts';
import { onLinksChange } from './sources.ts';

/** What the controllers of the first stage read besides resources. */
export interface ConfigSources {
  readonly network: ObservedNetwork;
  readonly cmdline: KernelArguments;
  readonly problems: ProblemReporter;
}

/**
 * Says what config, kernel command line and defaults want of links, addresses, routes and operators
 * (spec/network.md §2–§5). All four in one turn, so that no plan ever sees half a config.
 */
export function deviceConfigController({
  network,
  cmdline,
  problems,
  isContainer,
}: ConfigSources & { readonly isContainer: boolean }): Controller {
  const shared = { namespace: LAYERS_NAMESPACE, kind: 'shared' } as const;
  return {
    name: 'network.DeviceConfigController',
    inputs: [input(MachineConfigs, { id: MACHINE_CONFIG_ID })],
    outputs: [
      ...[LinkSpecs, AddressSpecs, RouteSpecs, OperatorSpecs].map(type => output(type, shared)),
      output(DeviceSources, { namespace: LAYERS_NAMESPACE }),
    ],
    sources: [onLinksChange(network)],
    reconcile(ctx) {
      const found = ctx.find(MachineConfigs, MACHINE_CONFIG_ID);
      const config: MachineConfig | undefined = found?.spec.config;
      const { links } = network.snapshot;
      const { devices, problems: wrong } = buildDevices({ network: config?.machine?.network, cmdline, links });
      problems.report(
        'config',
        wrong.map(({ message, path }) => ({ message, cause: path })),
      );
      ctx.writeAll(
        LinkSpecs,
        byId(linkSpecs(devices), ({ name }) => name),
        LAYERS_NAMESPACE,
      );
      ctx.writeAll(AddressSpecs, byId(addressSpecs(devices), addressId), LAYERS_NAMESPACE);
      ctx.writeAll(RouteSpecs, byId(routeSpecs(devices), routeId), LAYERS_NAMESPACE);
      // Before a container has its config, its links have what its runtime gave them (spec/network.md §1).
      const operators = isContainer && !config ? [] : operatorSpecs(devices);
      ctx.writeAll(OperatorSpecs, byId(operators, operatorId), LAYERS_NAMESPACE);
      ctx.write(DeviceSources, DEVICE_SOURCE_ID, { config: found?.metadata.version ?? 0 }, LAYERS_NAMESPACE);
    },
  };
}

/** The first of each id wins, as the kernel would have it (spec/network.md §5.3). */
function byId<Spec extends Layered>(specs: readonly Spec[], idOf: (spec: Spec) => string): Map<string, Spec> {
  const found = new Map<string, Spec>();
  for (const spec of specs) {
    const id = layeredId(spec.layer, idOf(spec));
    if (!found.has(id)) found.set(id, spec);
  }
  return found;
}
