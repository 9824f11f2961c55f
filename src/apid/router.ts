import type { ServerCall } from './call.ts';
import type { CallService } from './grpc-server.ts';
import { encodeHop, HOP_KEY } from './hop.ts';
import type { LocalMethod } from './local.ts';
import { isStreamedPath, refusalOf } from './methods.ts';
import { errorMessageOf, errorReplyOf, hostnameMetadata, nameStreamed, nameUnary } from './node-info.ts';
import { LARGEST_MESSAGE, tooLarge } from './peers/frames.ts';
import { type MessageSink, pump } from './sink.ts';
import { type StatusError, statusError, toStatus } from './status.ts';

/** One call on its way to another node. */
export interface ForwardedCall {
  /** The node as the client wrote it: IP or host name. */
  readonly target: string;
  readonly path: string;
  readonly request: Buffer;
  readonly headers: Readonly<Record<string, string | Buffer>>;
  /** Milliseconds since the Unix epoch, Infinity without one. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** The way to other nodes' apid. */
export interface PeerNodes {
  /** The messages of the reply; throws a `StatusError` where the call or the connection failed. */
  call(call: ForwardedCall): AsyncIterable<Buffer>;
}

/** Who wants to know how calls went; lines and files are theirs. */
export interface CallObserver {
  /** A call that came in on this port has ended; undefined for OK. What its fan-out did stands in `call.fanOut`. */
  received(call: ServerCall, status: StatusError | undefined): void;
  /** A method ran on this node, or was refused here, for a call that came in directly, was proxied, or fanned out to itself. */
  served(call: ServerCall, request: Buffer, status: StatusError | undefined): void;
}

export interface RouterOptions {
  readonly local: ReadonlyMap<string, LocalMethod>;
  readonly peers: PeerNodes;
  /** Whether a target names the address that this node listens on: served in-process, never dialled. */
  isSelf(target: string): boolean;
  readonly observer: CallObserver;
}

const MAX_NAMES = 256;

/**
 * Decides where a call is served (spec/api.md §1.5): here, or by every node it names, at byte level. Nodes are asked at
 * once and none waits for another; a node that fails is an element of the answer, never the end of the call.
 */
export class Router implements CallService {
  readonly #options: RouterOptions;
  /** `hostnameMetadata` of the nodes named lately. */
  readonly #names = new Map<string, Buffer>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  refuse(call: ServerCall): StatusError | undefined {
    if (isOneToMany(call)) return invalidTarget(call);
    const refusal = refusalOf(call.head.path);
    this.#options.observer.served(call, Buffer.alloc(0), refusal);
    return refusal;
  }

  isStreamed(path: string): boolean {
    return isStreamedPath(path);
  }

  finished(call: ServerCall, status: StatusError | undefined): void {
    this.#options.observer.received(call, status);
  }

  unary(call: ServerCall, request: Buffer): Promise<Buffer> {
    return isOneToMany(call) ? this.#unaryToMany(call, call.nodes!, request) : this.#serve(call, request);
  }

  stream(call: ServerCall, request: Buffer, sink: MessageSink): Promise<void> {
    return isOneToMany(call)
      ? this.#streamToMany(call, call.nodes!, request, sink)
      : this.#serveStream(call, request, sink);
  }

  async #unaryToMany(call: ServerCall, nodes: readonly string[], request: Buffer): Promise<Buffer> {
    const invalid = invalidTarget(call);
    if (invalid) throw invalid;
    call.fanOut = { request, failed: [] };
    if (nodes.length === 1) return this.#unaryOf(call, nodes[0]!, request);
    const replies: Buffer[] = [];
    await Promise.all(nodes.map(async node => replies.push(await this.#unaryOf(call, node, request))));
    return Buffer.concat(replies);
  }

  /** The reply of one node, or its failure as one. */
  async #unaryOf(call: ServerCall, node: string, request: Buffer): Promise<Buffer> {
    try {
      const reply = this.#options.isSelf(node)
        ? withinLimit(await this.#serve(call, request))
        : await onlyMessage(this.#options.peers.call(forwarded(call, node, request)));
      return nameUnary(reply, node, this.#nameOf(node));
    } catch (error) {
      return errorReplyOf(node, this.#failed(call, node, error));
    }
  }

  async #streamToMany(call: ServerCall, nodes: readonly string[], request: Buffer, sink: MessageSink): Promise<void> {
    const invalid = invalidTarget(call);
    if (invalid) throw invalid;
    call.fanOut = { request, failed: [] };
    await Promise.all(nodes.map(node => this.#streamOf(call, node, request, sink)));
  }

  /** Relays the messages of one node under its name; its failure is its last message. */
  async #streamOf(call: ServerCall, node: string, request: Buffer, sink: MessageSink): Promise<void> {
    const name = this.#nameOf(node);
    try {
      if (this.#options.isSelf(node)) await this.#serveStream(call, request, sink, name);
      else {
        const named: MessageSink = { write: message => sink.write(nameStreamed(message, name)) };
        await pump(this.#options.peers.call(forwarded(call, node, request)), named);
      }
    } catch (error) {
      const status = this.#failed(call, node, error);
      if (!call.aborted) await sink.write(errorMessageOf(node, status));
    }
  }

  #nameOf(node: string): Buffer {
    let name = this.#names.get(node);
    if (!name) {
      if (this.#names.size >= MAX_NAMES) this.#names.clear(); // clients choose these texts
      name = hostnameMetadata(node);
      this.#names.set(node, name);
    }
    return name;
  }

  #failed(call: ServerCall, node: string, error: unknown): StatusError {
    const status = toStatus(error);
    call.fanOut?.failed.push({ node, status });
    return status;
  }

  async #serve(call: ServerCall, request: Buffer): Promise<Buffer> {
    const method = this.#options.local.get(call.head.path);
    try {
      if (method?.kind !== 'unary') throw refusalOf(call.head.path);
      const reply = await method.run(request, call);
      this.#options.observer.served(call, request, undefined);
      return reply;
    } catch (error) {
      this.#options.observer.served(call, request, call.aborted ?? toStatus(error));
      throw error;
    }
  }

  async #serveStream(call: ServerCall, request: Buffer, sink: MessageSink, name?: Buffer): Promise<void> {
    const method = this.#options.local.get(call.head.path);
    try {
      if (method?.kind !== 'stream') throw refusalOf(call.head.path);
      await pump(method.run(request, call, name), sink);
      this.#options.observer.served(call, request, call.aborted);
    } catch (error) {
      this.#options.observer.served(call, request, call.aborted ?? toStatus(error));
      throw error;
    }
  }
}

/** A call that names nodes and was not sent here by another apid: even one node, even this one (spec/api.md §1.5). */
export function isOneToMany(call: ServerCall): boolean {
  return call.nodes !== undefined && !call.isProxied;
}

/** Empty targets, and what looks like host:port, fail the whole call before any node is asked. */
function invalidTarget(call: ServerCall): StatusError | undefined {
  const bad = call.nodes?.find(node => node === '' || /^([^:]*|\[.*\]):[^:]*$/.test(node));
  return bad === undefined ? undefined : statusError('internal', `invalid target "${bad}"`);
}

function forwarded(call: ServerCall, target: string, request: Buffer): ForwardedCall {
  const { path, authority, deadline } = call.head;
  return { target, path, request, deadline, signal: call.signal, headers: forwardedMetadata(call, authority) };
}

/** Metadata of the next hop: all of it but `nodes`, marked as proxied (spec/api.md §1.4). */
function forwardedMetadata(call: ServerCall, authority: string): Record<string, string | Buffer> {
  const { nodes: _, 'user-agent': __, ...rest } = call.head.metadata;
  const hop = encodeHop({ callId: call.callId, nodeCount: call.nodeCount, client: call.peer });
  return { ...rest, proxyfrom: authority || 'unknown', [HOP_KEY]: hop };
}

/** What this node says itself is held to the limit of what comes from others: one reply too large spoils only its element. */
function withinLimit(reply: Buffer): Buffer {
  if (reply.length > LARGEST_MESSAGE) throw tooLarge(reply.length, LARGEST_MESSAGE);
  return reply;
}

async function onlyMessage(messages: AsyncIterable<Buffer>): Promise<Buffer> {
  let reply: Buffer | undefined;
  for await (const message of messages) {
    if (reply) throw statusError('internal', 'more than one reply to a unary call');
    reply = message;
  }
  if (!reply) throw statusError('internal', 'no reply to a unary call');
  return reply;
}
