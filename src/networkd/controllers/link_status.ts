import type { Logger } from '../../lib/logger.ts';
import { type LinkSpec, LinkSpecs } from '../../resources/network/link_spec.ts';
import { type LinkStatus, LinkStatuses } from '../../resources/network/link_status.ts';
import { type Controller, input, output } from '../../runtime/controller.ts';
import type { LinkSnapshot } from '../../system/network-snapshot.ts';
import type { ObservedNetwork } from '../applier.ts';
import { onNetworkChange } from './sources.ts';

const FLAG_UP = 1;

/** Says what links there are, and which layer wants them; of wanted ones that are up also in the log when their cable comes or goes. */
export function linkStatusController(network: ObservedNetwork, log: Pick<Logger, 'info' | 'warn'>): Controller {
  return {
    name: 'network.LinkStatusController',
    inputs: [input(LinkSpecs)],
    outputs: [output(LinkStatuses)],
    sources: [onNetworkChange(network)],
    reconcile(ctx) {
      if (network.isChanging) return; // called again at the end of it
      const wanted = new Map(ctx.list(LinkSpecs).map(({ spec }) => [spec.name, spec]));
      const statuses = network.snapshot.links.map(link => [link.name, statusOf(link, wanted.get(link.name))] as const);
      for (const [name, status] of statuses) {
        const before = ctx.find(LinkStatuses, name)?.spec;
        if (!wanted.get(name)?.up || !status.up || before?.carrier === status.carrier) continue;
        if (status.carrier && before) log.info(`link "${name}" has carrier signal`);
        if (!status.carrier) log.warn(`no carrier for link "${name}"`);
      }
      ctx.writeAll(LinkStatuses, new Map(statuses));
    },
  };
}

function statusOf(link: LinkSnapshot, wanted: LinkSpec | undefined): LinkStatus {
  const { index, mtu, hardwareAddress, operationalState, flags, details } = link;
  const isUp = (flags & FLAG_UP) !== 0;
  return {
    index,
    kind: details?.kind ?? '',
    operationalState: operationalState.toLowerCase(),
    up: isUp,
    carrier: details?.hasCarrier ?? isUp,
    mtu,
    hardwareAddress,
    master: details?.master ?? '',
    parent: details?.parent ?? '',
    layer: wanted?.layer ?? 'foreign',
  };
}
