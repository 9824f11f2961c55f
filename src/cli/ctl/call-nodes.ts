import type { Metadata } from '../../gen/common/common.ts';
import { errorList, errorMessage, TalosdError } from '../../lib/errors.ts';
import type { ApiClient, Method } from './client.ts';
import { RpcError, renderStatus } from './rpc-error.ts';
import type { Session } from './session.ts';

/** What every element of a reply has: whose it is, and why that node failed. */
export interface NodeMessage {
  metadata?: Metadata | undefined;
}

/** A node's good answer; `node` is its name as the user wrote it, or its address. */
export interface FromNode<Message> {
  readonly node: string;
  readonly message: Message;
}

/**
 * Calls the nodes of the command and returns the good answers. Nodes that failed are warned of on stderr; when all did,
 * their errors are thrown in one line that begins with `what` (spec/api.md §1.5).
 */
export async function callNodes<Request, Message extends NodeMessage>(
  session: Session,
  what: string,
  method: Method<Request, { messages: Message[] }>,
  request: Request,
  client?: ApiClient,
): Promise<FromNode<Message>[]> {
  const { peer, reply } = await prefixed(what, () => (client ?? session.client).unary(method, request));
  const good: FromNode<Message>[] = [];
  const failed: string[] = [];
  for (const message of reply.messages) {
    const node = message.metadata?.hostname || peer;
    const error = nodeError(message);
    if (error === undefined) good.push({ node, message });
    else failed.push(`${node}: ${error}`);
  }
  if (good.length === 0 && failed.length > 0) throw new TalosdError('unknown', `${what}: ${failed.join('; ')}`);
  if (failed.length > 0) session.warn(`WARNING: ${errorList(failed)}`);
  return good;
}

/** What a streaming command does with the messages of its nodes. */
export interface StreamHandler<Message> {
  /** A good message; `false` says that it is an error after all. */
  message(node: string, message: Message): boolean | void | Promise<boolean | void>;
  /** A node's error; a line `<node>: <error>` on stderr where nothing is given. */
  error?(node: string, text: string): void;
}

/**
 * Streams from the nodes of the command until all have ended or the user has. Returns the exit code: 1 when every node
 * failed and nothing good came.
 */
export async function streamNodes<Request, Message extends NodeMessage>(
  session: Session,
  what: string,
  method: Method<Request, Message>,
  request: Request,
  handler: StreamHandler<Message>,
): Promise<number> {
  const failed = new Set<string>();
  let isAnyGood = false;
  await prefixed(what, async () => {
    for await (const { peer, reply } of session.client.stream(method, request)) {
      const node = reply.metadata?.hostname || peer;
      const error = nodeError(reply);
      if (error !== undefined) {
        failed.add(node);
        if (handler.error) handler.error(node, error);
        else session.warn(`${node}: ${error}`);
      } else if ((await handler.message(node, reply)) === false) failed.add(node);
      else isAnyGood = true;
    }
  });
  return !isAnyGood && failed.size > 0 && failed.size >= new Set(session.nodes).size ? 1 : 0;
}

function nodeError({ metadata }: NodeMessage): string | undefined {
  if (!metadata?.error && !metadata?.status?.code) return undefined;
  return metadata.status?.code ? renderStatus(metadata.status.code, metadata.status.message) : metadata.error;
}

async function prefixed<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const wrapped = new RpcError(error.status, error.details, { cause: error });
    wrapped.message = `${what}: ${errorMessage(error)}`;
    throw wrapped;
  }
}
