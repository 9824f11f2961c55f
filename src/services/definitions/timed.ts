import type { ServiceDefinition } from '../definition.ts';
import { type AgentPart, agentPart } from './agent-part.ts';
import { checkObserved, type Observed } from './observed.ts';

/** Time synchronisation: the one service that clients may start and restart (sequences-and-services.md §3.2, §3.8). */
export function timedService(options: AgentPart & { readonly observer: Observed }): ServiceDefinition {
  return agentPart('timed', options, {
    dependsOn: ['containerd', 'networkd'],
    check: () => checkObserved('timed', options.observer),
    mayRestart: true,
  });
}
