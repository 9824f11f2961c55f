import type { Why } from '../../gen/talosd/v1/talosd.ts';
import type { FromNode } from './call-nodes.ts';
import { age } from './format.ts';
import { INSECURE_OPTIONS, insecureTarget } from './insecure-target.ts';
import { maintenanceClient } from './maintenance-client.ts';
import { callNodeService, nodeService } from './node-service.ts';
import { ctlCommand } from './session.ts';
import { formatTable } from './table.ts';

/** `why [SUBJECT]`. */
export const whyCommand = ctlCommand({
  args: '[...subject]',
  help: 'Say why a node, or a part of it, is not ready: from the whole down to what is really missing.',
  examples: ['why', 'why service etcd', 'why --insecure -n 10.5.0.7'],
  options: [...INSECURE_OPTIONS],
  async run(session, words, options) {
    const what = 'error asking why';
    const request = { subject: words.join(' ') };
    const insecure = insecureTarget({
      insecure: options.boolean('insecure'),
      fingerprints: options.list('certFingerprint'),
      nodes: session.flags.nodes,
    });
    const client = insecure && (await maintenanceClient(session, insecure));
    const replies = await callNodeService(session, what, 'why', nodeService.why, request, client);
    await session.out.write(whyTable(replies, Date.now()));
  },
});

/** One line for each link of the chain. */
export function whyTable(replies: readonly FromNode<Why>[], now: number): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.chain.map(({ subject, state, since, reason }) => [
      node,
      subject,
      state,
      since ? age(since, now) : '',
      reason,
    ]),
  );
  return formatTable([['NODE', 'SUBJECT', 'STATE', 'SINCE', 'REASON'], ...rows]);
}
