import { errorMessage } from '../../lib/errors.ts';
import { LinkSpecs } from '../../resources/network/link_spec.ts';
import { LinkStatuses } from '../../resources/network/link_status.ts';
import { type Controller, input } from '../../runtime/controller.ts';
import type { Exec } from '../../system/exec.ts';
import { ipv6Setting, setIpv6Setting } from '../../system/link-settings.ts';
import { causeOf } from '../plan/types.ts';
import type { NetworkProblem, ProblemReporter } from '../problems.ts';

/** Heeded by a machine that forwards, too. */
const ALWAYS = 2;

/**
 * Has links heed routers where their addresses or routes may come from them: a node forwards, and a kernel that forwards
 * heeds none unless told to (spec/network.md §5.6).
 */
export function routerAdvertisementController(options: {
  readonly exec: Exec;
  readonly problems: ProblemReporter;
}): Controller {
  const { exec, problems } = options;
  return {
    name: 'network.RouterAdvertisementController',
    inputs: [input(LinkSpecs), input(LinkStatuses)],
    outputs: [],
    async reconcile(ctx) {
      const found: NetworkProblem[] = [];
      for (const { spec } of ctx.list(LinkSpecs)) {
        if (!spec.heedsRouters || !ctx.find(LinkStatuses, spec.name)) continue;
        try {
          const setting = await ipv6Setting(spec.name, 'accept_ra');
          if (setting === undefined || setting === ALWAYS) continue;
          await setIpv6Setting(exec, spec.name, 'accept_ra', ALWAYS);
        } catch (error) {
          const message = `routers on ${spec.name} may not be heeded: ${errorMessage(error)}`;
          found.push({ message, cause: causeOf(spec) });
        }
      }
      problems.report('advertisements', found);
    },
  };
}
