import type { Clock } from '../../lib/clock.ts';
import { LinkSpecs } from '../../resources/network/link_spec.ts';
import { LinkStatuses } from '../../resources/network/link_status.ts';
import { type Controller, input } from '../../runtime/controller.ts';
import type { ProblemReporter } from '../problems.ts';
import type { WireguardApplier, WireguardLink } from '../wireguard-applier.ts';

/** How long until a name that did not resolve, or a refusal, is tried again, milliseconds. */
const RETRY = 10_000;

/** Gives WireGuard links that are there their keys and peers. */
export function wireguardController(options: {
  readonly applier: WireguardApplier;
  readonly problems: ProblemReporter;
  readonly clock: Clock;
}): Controller {
  const { applier, problems, clock } = options;
  let cancelRetry = () => {};
  return {
    name: 'network.WireguardController',
    inputs: [input(LinkSpecs), input(LinkStatuses)],
    outputs: [],
    async reconcile(ctx) {
      const links = ctx.list(LinkSpecs).flatMap(({ spec: { name, wireguard, layer, path } }): WireguardLink[] => {
        const status = ctx.find(LinkStatuses, name)?.spec;
        return wireguard && status?.kind === 'wireguard'
          ? [{ name, index: status.index, spec: wireguard, layer, path }]
          : [];
      });
      const found = await applier.turn(links);
      problems.report('wireguard', found);
      cancelRetry();
      if (found.length > 0) cancelRetry = clock.after(RETRY, ctx.queueReconcile);
    },
  };
}
