import type { ServiceDefinition } from '../definition.ts';
import { type AgentPart, agentPart } from './agent-part.ts';

/** The router of local calls: healthy when it answers one (sequences-and-services.md §3.2). */
export function routerdService(
  options: AgentPart & {
    /** Makes a call; rejects when it is not answered. */
    answer(signal: AbortSignal): Promise<void>;
  },
): ServiceDefinition {
  return agentPart('routerd', options, { dependsOn: ['containerd'], check: signal => options.answer(signal) });
}
