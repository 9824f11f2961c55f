import type { ServiceDefinition } from '../definition.ts';
import { type AgentPart, agentPart } from './agent-part.ts';
import { checkObserved, type Observed } from './observed.ts';

/** The network of the node: healthy when its observer has seen it once (sequences-and-services.md §3.2). */
export function networkdService(options: AgentPart & { readonly observer: Observed }): ServiceDefinition {
  return agentPart('networkd', options, {
    dependsOn: ['containerd'],
    check: () => checkObserved('networkd', options.observer),
  });
}
