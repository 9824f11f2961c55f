import { randomUUID } from 'node:crypto';
import type { CallContext, Peer } from './handler.ts';
import { decodeHop, HOP_KEY, type Hop } from './hop.ts';
import type { Method } from './methods.ts';
import { type StatusError, statusError } from './status.ts';

/** A timer may fire a little before the clock agrees. */
const TIMER_SLACK_MILLISECONDS = 10;

/** Metadata as grpc-js shows it: one text (or bytes, for `-bin` keys) a key, repeated fields joined with `, `. */
export type MetadataMap = Readonly<Record<string, string | Buffer>>;

/** What came with a call, before its request was read. */
export interface CallHead {
  readonly path: string;
  /** From the table; undefined for a path outside it. */
  readonly method: Method | undefined;
  /** The `:authority` that the client used. */
  readonly authority: string;
  readonly metadata: MetadataMap;
  readonly peer: Peer;
  /** Milliseconds since the Unix epoch, Infinity without one. */
  readonly deadline: number;
  /** Monotonic nanoseconds. */
  readonly startedAt: bigint;
}

/** A node of a fan-out that did not answer well. */
export interface NodeFailure {
  readonly node: string;
  readonly status: StatusError;
}

/**
 * One call on this node's port: what its handler may know, and what router, access log and audit log need.
 *
 * Life: made when the request is complete → handler runs → `settle` (the outcome is known) → the reply leaves → `replied`
 * runs what waited for that. `abort` comes before `settle` when the client goes away, the deadline passes or the server stops.
 */
export class ServerCall implements CallContext {
  readonly head: CallHead;
  /** Whether another apid sent this call here: serve it, whatever `nodes` says (spec/api.md §1.4). */
  readonly isProxied: boolean;
  /** The nodes that the client addressed, as it wrote them; undefined without `nodes`. */
  readonly nodes: readonly string[] | undefined;
  /** What the sender of a proxied call says of it. */
  readonly hop: Hop | undefined;
  /** What was sent to the nodes that the client named, and which of them failed; set by the router. */
  fanOut: { readonly request: Buffer; readonly failed: NodeFailure[] } | undefined;
  #callId: string | undefined;
  #controller: AbortController | undefined;
  #aborted: StatusError | undefined;
  #afterReply: (() => void)[] | undefined;

  constructor(head: CallHead) {
    this.head = head;
    const { nodes, proxyfrom, [HOP_KEY]: hop } = head.metadata;
    this.isProxied = proxyfrom !== undefined;
    this.nodes = typeof nodes === 'string' ? splitNodes(nodes) : undefined;
    this.hop = this.isProxied && hop !== undefined ? decodeHop(hop) : undefined;
  }

  get peer(): Peer {
    return this.head.peer;
  }

  get nodeCount(): number {
    if (this.isProxied) return this.hop?.nodeCount ?? 1;
    return this.nodes?.length ?? 1;
  }

  get callId(): string {
    this.#callId ??= this.hop?.callId ?? randomUUID();
    return this.#callId;
  }

  /** Why the call was given up; undefined while it runs. */
  get aborted(): StatusError | undefined {
    return this.#aborted;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  abort(reason: StatusError): void {
    if (this.#aborted) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }

  /** What a client that went away, or whose time is over, is told. */
  goneStatus(now: number): StatusError {
    return now >= this.head.deadline - TIMER_SLACK_MILLISECONDS
      ? statusError('deadline_exceeded', 'context deadline exceeded')
      : statusError('canceled', 'context canceled');
  }

  afterReply(action: () => void): void {
    this.#afterReply ??= [];
    this.#afterReply.push(action);
  }

  /** Whether something waits for the reply to leave. */
  get hasAfterReply(): boolean {
    return this.#afterReply !== undefined;
  }

  /** Runs what waited for the reply to leave; each action on its own, errors to `onError`. */
  replied(onError: (error: unknown) => void): void {
    const actions = this.#afterReply ?? [];
    this.#afterReply = undefined;
    for (const action of actions) {
      try {
        action();
      } catch (error) {
        onError(error);
      }
    }
  }
}

/** The values of `nodes`: fields of a Go client arrive as one text joined with `, ` (spec/api.md §1.4, §7 item 1). */
export function splitNodes(value: string): string[] {
  return value.split(',').map(node => node.trim());
}
