import { status } from '@grpc/grpc-js';
import {
  ConfigurationChange_Action as Action,
  type ConfigurationChange,
  NodeServiceService,
} from '../../gen/talosd/v1/talosd.ts';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import { callNodes, type FromNode, type NodeMessage } from './call-nodes.ts';
import type { ApiClient, Method } from './client.ts';
import { RpcError } from './rpc-error.ts';
import type { Session } from './session.ts';
import { formatTable } from './table.ts';

/** The methods of our own service, which an original node does not know. */
export const nodeService = NodeServiceService;

const LONGEST_VALUE = 40;

/**
 * Calls `talosd.v1.NodeService`. Where the nodes do not know it, that is said in words: nothing was done, and no other
 * call stands in for it.
 */
export async function callNodeService<Request, Message extends NodeMessage>(
  session: Session,
  what: string,
  feature: string,
  method: Method<Request, { messages: Message[] }>,
  request: Request,
  client?: ApiClient,
): Promise<FromNode<Message>[]> {
  try {
    return await callNodes(session, what, method, request, client);
  } catch (error) {
    if (!isUnknownService(error)) throw error;
    const text = `${feature} needs talosd on the node; this one does not know the service, and nothing was done`;
    throw new TalosdError('unimplemented', `${what}: ${text}`, { cause: error });
  }
}

function isUnknownService(error: unknown): boolean {
  const isUnimplemented =
    error instanceof RpcError
      ? error.status === status.UNIMPLEMENTED
      : errorMessage(error).includes('rpc error: code = Unimplemented ');
  return isUnimplemented && /unknown (service|method)|does not implement/.test(errorMessage(error));
}

/** What a changed path needs, in words (issue: `now`, `needs reboot`, `needs reset`). */
function effect({ action, service }: ConfigurationChange): string {
  switch (action) {
    case Action.NOW:
      return 'now';
    case Action.RESTART_SERVICE:
      return `now (restarts ${service})`;
    case Action.REBOOT:
      return 'needs reboot';
    case Action.RESET:
      return 'needs reset';
    case Action.REFUSED:
      return 'refused';
    default:
      return '?';
  }
}

/** What nodes say about a config: every changed path with what it needs, and their remarks below. */
export function changeReport(
  replies: readonly FromNode<{ changes: ConfigurationChange[]; notes: string[] }>[],
): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.changes.map(change => [
      node,
      change.path,
      effect(change),
      valueText(change.from),
      valueText(change.to),
      change.reason,
    ]),
  );
  const table = rows.length === 0 ? '' : formatTable([['NODE', 'PATH', 'EFFECT', 'FROM', 'TO', 'REASON'], ...rows]);
  const unchanged = replies.filter(({ message }) => message.changes.length === 0);
  const notes = replies.flatMap(({ node, message }) => message.notes.map(note => `${node}: note: ${note}\n`));
  return [table, ...unchanged.map(({ node }) => `${node}: no changes\n`), ...notes].join('');
}

/** Whether a node would refuse the config. */
export function isRefused(replies: readonly FromNode<{ changes: ConfigurationChange[] }>[]): boolean {
  return replies.some(({ message }) => message.changes.some(({ action }) => action === Action.REFUSED));
}

/** A YAML value in a cell: its first line, not too long. */
function valueText(value: string | undefined): string {
  if (value === undefined) return '-';
  const [first = '', ...more] = value.trim().split('\n');
  return first.length > LONGEST_VALUE || more.length > 0 ? `${first.slice(0, LONGEST_VALUE)}…` : first;
}
