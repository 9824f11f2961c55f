import type { ServiceDefinition } from '../definition.ts';
import { defaultHealthTimes, type HealthCheck } from '../health.ts';
import { restartForever } from '../runner.ts';
import { InProcessRunner, type Part } from '../runners/in-process.ts';

/** What every part of this agent that clients know as a container is made of. */
export interface AgentPart {
  readonly part: Part;
  /** Ids of the services that this node loads: only these are waited for. */
  readonly loaded: ReadonlySet<string>;
}

/**
 * A part of this process in the clothes of a system container (sequences-and-services.md §3.2, §3.3): its messages, its image name,
 * restarts without end. Checks begin as soon as it runs, so that whoever waits for it need not wait a second more.
 */
export function agentPart(
  id: string,
  { part, loaded }: AgentPart,
  rest: { dependsOn: readonly string[]; check: HealthCheck['check']; mayRestart?: boolean },
): ServiceDefinition {
  return {
    id,
    dependsOn: rest.dependsOn.filter(dependency => loaded.has(dependency)),
    image: `talos/${id}`,
    mayRestart: rest.mayRestart ?? false,
    createRunner: tools => restartForever(new InProcessRunner({ id, part, shape: 'container', ...tools }), tools.clock),
    health: { ...defaultHealthTimes, onRunning: true, check: rest.check },
  };
}
