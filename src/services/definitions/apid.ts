import type { DialTcp } from '../../system/dial.ts';
import type { ServiceDefinition } from '../definition.ts';
import { type AgentPart, agentPart } from './agent-part.ts';

/** The API on port 50000: healthy when it takes a connection at `address` (sequences-and-services.md §3.2). */
export function apidService(
  options: AgentPart & { readonly address: string; readonly port: number; readonly dial: DialTcp },
): ServiceDefinition {
  return agentPart('apid', options, {
    dependsOn: ['containerd', 'networkd', 'timed'],
    check: signal => options.dial(options.address, options.port, signal),
  });
}
