import type { DialTcp } from '../../system/dial.ts';
import type { ServiceDefinition } from '../definition.ts';
import { type AgentPart, agentPart } from './agent-part.ts';

/** The certificate service of control-plane nodes: healthy when it takes a connection at `address` (sequences-and-services.md §3.2). */
export function trustdService(
  options: AgentPart & { readonly address: string; readonly port: number; readonly dial: DialTcp },
): ServiceDefinition {
  return agentPart('trustd', options, {
    dependsOn: ['containerd', 'networkd', 'timed'],
    check: signal => options.dial(options.address, options.port, signal),
  });
}
