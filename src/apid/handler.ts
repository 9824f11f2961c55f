/** Who made a call: the other end of the TLS connection that it came in on. */
export interface Peer {
  /** Remote IP address without port; `unix` for the unix socket. */
  readonly address: string;
  /** Subject of the client certificate in one line (`O=talos`), empty without a certificate. */
  readonly subject: string;
  /** Serial of the client certificate, lower-case hex, empty without a certificate. */
  readonly serial: string;
}

/** What a handler knows of its call besides the request. Handlers run without a socket in tests: they get one of these. */
export interface CallContext {
  /** Aborts when the client cancels, its deadline passes, or the server stops. */
  readonly signal: AbortSignal;
  readonly peer: Peer;
  /** How many nodes the client addressed with this call; 1 when it named none (spec/api.md §1.4). */
  readonly nodeCount: number;
  /** Shared by all hops of one call; stands in the audit log. */
  readonly callId: string;
  /** Registers work that must only begin once the reply has left (reboot, reset, apply…: spec/api.md §7 item 18). */
  afterReply(action: () => void): void;
}

/** One request, one reply. Throws `TalosdError`s; anything else becomes gRPC `Unknown` with its message. */
export type UnaryHandler<Request, Response> = (request: Request, context: CallContext) => Promise<Response>;

/** One request, many messages. The server pulls, so a slow client slows the source. */
export type StreamHandler<Request, Response> = (request: Request, context: CallContext) => AsyncIterable<Response>;
