import type { SecureServerOptions } from 'node:http2';
import type { Duplex } from 'node:stream';
import {
  type ConnectionInjector,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.ts';
import { shortEncodedText } from '../lib/short-text.ts';
import { ServerCall } from './call.ts';
import type { Peer } from './handler.ts';
import type { Method } from './methods.ts';
import { CallSink, type MessageSink } from './sink.ts';
import { type StatusError, statusError, toStatus } from './status.ts';

/** Who answers calls, at byte level. Errors are mapped by `toStatus`. */
export interface CallService {
  /** Refuses a path outside the table as soon as its headers are there; undefined lets the request be read. */
  refuse(call: ServerCall): StatusError | undefined;
  /** Answers a call of a unary method, or of an unknown one. */
  unary(call: ServerCall, request: Buffer): Promise<Buffer>;
  /** Answers a call of a streaming method, or of an unknown one whose name says so. */
  stream(call: ServerCall, request: Buffer, sink: MessageSink): Promise<void>;
  /** Whether a path outside the table is answered as a stream. */
  isStreamed(path: string): boolean;
  /** The outcome of each call, once: undefined for OK. */
  finished(call: ServerCall, status: StatusError | undefined): void;
}

export interface GrpcServerOptions {
  readonly methods: Iterable<Method>;
  readonly service: CallService;
  readonly clock: Clock;
  /** Calls at once on one connection; more wait at the client. Default 1024. */
  readonly maxStreams?: number;
  /**
   * Whether all who connect are known by their certificate. Others lose their connection when they give up more than
   * 33 calls a second for long; nodes share theirs among all their clients, who would all lose their streams.
   */
  readonly isTrusted?: boolean;
  /** An action that had waited for its reply failed. */
  onError(error: unknown): void;
}

/** A peer on the node itself, through the unix socket. */
const UNIX_PEER: Peer = { address: 'unix', subject: '', serial: '' };
const MAX_STREAMS = 1024;
/** Their size is limited apart from this: 64 KiB in all, or some 1200 nodes. */
const MAX_HEADER_FIELDS = 2048;
/** Bound of the last steps of closing: calls that were given up end, replies leave. */
const FLUSH_MILLISECONDS = 250;
/** Of `grpc-message` as it travels: beyond 64 KiB of trailers, clients give up the whole connection with all its calls. */
const LONGEST_MESSAGE_BYTES = 32 * 1024;
const identity = (bytes: Buffer): Buffer => bytes;
const stopping = () => statusError('unavailable', 'the node is shutting down');

type UnaryCall = ServerUnaryCall<Buffer, Buffer>;
type StreamCall = ServerWritableStream<Buffer, Buffer>;
type UnknownCall = ServerDuplexStream<Buffer, Buffer>;
type AnyCall = UnaryCall | StreamCall | UnknownCall;

/** Limits of a connection: messages as in the original; what it does not limit, memory would (spec/api.md §1.3). */
const SERVER_OPTIONS = {
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.max_connection_idle_ms': 10 * 60_000,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
};

/**
 * The gRPC protocol on connections that others accept: grpc-js with identity codecs, one `ServerCall` a call, bytes in
 * and out. Knows no method beyond its path and kind.
 */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Server;
  readonly #injector: ConnectionInjector;
  readonly #methods = new Map<string, Method>();
  readonly #peers = new Map<string, Peer>();
  readonly #calls = new Set<ServerCall>();
  readonly #connections = new Set<Duplex>();
  #onIdle: () => void = () => {};

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#server = new Server({ ...SERVER_OPTIONS, 'grpc.max_concurrent_streams': options.maxStreams ?? MAX_STREAMS });
    for (const method of options.methods) this.#register(method);
    answerUnknownPaths(this.#server, call => this.#unknown(call));
    acceptNodeLists(this.#server);
    if (options.isTrusted) acceptManyResets(this.#server);
    this.#injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** Calls that run now. */
  get running(): number {
    return this.#calls.size;
  }

  /** Serves a connection. `peer` is who is at the other end; without it the connection is the unix socket's. */
  inject(connection: Duplex & { remoteAddress?: string; remotePort?: number }, peer?: Peer): void {
    if (peer) {
      const key = `${connection.remoteAddress}:${connection.remotePort}`;
      // grpc-js names a call's connection by this alone: two with one name would be one peer.
      if (connection.remoteAddress === undefined || this.#peers.has(key)) {
        connection.destroy();
        return;
      }
      this.#peers.set(key, peer);
      connection.once('close', () => this.#peers.delete(key));
    }
    this.#connections.add(connection);
    connection.once('close', () => {
      this.#connections.delete(connection);
      this.#onIdle();
    });
    this.#injector.injectConnection(connection);
  }

  /** Lets running calls end for at most `graceMilliseconds`, gives up the rest, then drops every connection. */
  async close(graceMilliseconds: number): Promise<void> {
    this.#injector.drain(graceMilliseconds + 2 * FLUSH_MILLISECONDS);
    await this.#until(() => this.#calls.size === 0, graceMilliseconds);
    for (const call of this.#calls) call.abort(stopping());
    await this.#until(() => this.#calls.size === 0, FLUSH_MILLISECONDS);
    // The last replies may still be on their way out: a drained connection closes by itself when they have left.
    await this.#until(() => this.#connections.size === 0, FLUSH_MILLISECONDS);
    this.#injector.destroy();
    this.#server.forceShutdown();
    for (const connection of this.#connections) connection.destroy();
  }

  /** Waits for a condition that a call's or a connection's end can bring about, for so long at most. */
  async #until(condition: () => boolean, milliseconds: number): Promise<void> {
    if (condition()) return;
    const met = new AbortController();
    this.#onIdle = () => {
      if (condition()) met.abort();
    };
    await this.#options.clock.sleep(milliseconds, met.signal).catch(error => {
      if (!met.signal.aborted) throw error;
    });
  }

  #register(method: Method): void {
    this.#methods.set(method.path, method);
    const { path, isStream } = method;
    if (isStream) {
      this.#server.register(
        path,
        (call: StreamCall) => this.#stream(call, call.request),
        identity,
        identity,
        'serverStream',
      );
    } else {
      const unary = (call: UnaryCall, reply: sendUnaryData<Buffer>) => this.#unary(call, reply);
      this.#server.register(path, unary, identity, identity, 'unary');
    }
  }

  #open(call: AnyCall): ServerCall {
    const { clock } = this.#options;
    const path = call.getPath();
    const deadline = call.getDeadline();
    const opened = new ServerCall({
      path,
      method: this.#methods.get(path),
      authority: call.getHost(),
      metadata: call.metadata.getMap() as Record<string, string | Buffer>,
      peer: this.#peerOf(call),
      deadline: deadline instanceof Date ? deadline.getTime() : deadline,
      startedAt: clock.monotonic(),
    });
    this.#calls.add(opened);
    return opened;
  }

  #peerOf(call: AnyCall): Peer {
    const key = call.getPeer();
    if (key === 'unknown') return UNIX_PEER;
    return this.#peers.get(key) ?? { address: key, subject: '', serial: '' };
  }

  /** The outcome is known: tells it once. The reply leaves after this. */
  #settle(call: ServerCall, status: StatusError | undefined): void {
    if (!this.#calls.delete(call)) return;
    this.#options.service.finished(call, status);
    if (this.#calls.size === 0) this.#onIdle();
  }

  /** grpc-js says `cancelled` for every end of a call: after its trailers were sent, and when the client is gone. */
  #gone(call: ServerCall): void {
    if (this.#calls.has(call)) {
      const status = call.goneStatus(this.#options.clock.now());
      call.abort(status);
      this.#settle(call, status);
    }
    if (call.hasAfterReply) setImmediate(() => call.replied(this.#options.onError));
  }

  #unary(call: UnaryCall, reply: sendUnaryData<Buffer>): void {
    const opened = this.#open(call);
    call.once('cancelled', () => this.#gone(opened));
    this.#options.service.unary(opened, call.request).then(
      bytes => {
        this.#settle(opened, undefined);
        reply(null, bytes);
      },
      (error: unknown) => {
        const status = opened.aborted ?? toStatus(error);
        this.#settle(opened, status);
        reply(wire(status));
      },
    );
  }

  #stream(call: StreamCall | UnknownCall, request: Buffer, opened = this.#open(call)): void {
    const sink = new CallSink(call);
    call.once('cancelled', () => {
      sink.close();
      this.#gone(opened);
    });
    this.#options.service.stream(opened, request, sink).then(
      () => this.#finishStream(call, opened, opened.aborted),
      (error: unknown) => this.#finishStream(call, opened, opened.aborted ?? toStatus(error)),
    );
  }

  #finishStream(call: StreamCall | UnknownCall, opened: ServerCall, status: StatusError | undefined): void {
    this.#settle(opened, status);
    if (call.destroyed) return;
    if (status) call.emit('error', wire(status));
    else call.end();
  }

  /** A path outside the table: refused by its headers, or, when addressed to nodes, sent there like any other. */
  #unknown(call: UnknownCall): void {
    const opened = this.#open(call);
    const refusal = this.#options.service.refuse(opened);
    if (refusal) {
      call.once('cancelled', () => this.#gone(opened));
      this.#finishStream(call, opened, refusal);
      return;
    }
    let hasBegun = false;
    const begin = (request: Buffer) => {
      if (hasBegun) return;
      hasBegun = true;
      if (this.#options.service.isStreamed(opened.head.path)) this.#stream(call, request, opened);
      else this.#unknownUnary(call, request, opened);
    };
    call.once('cancelled', () => {
      if (!hasBegun) this.#gone(opened);
    });
    call.on('data', begin);
    call.once('end', () => begin(Buffer.alloc(0)));
  }

  #unknownUnary(call: UnknownCall, request: Buffer, opened: ServerCall): void {
    call.once('cancelled', () => this.#gone(opened));
    this.#options.service.unary(opened, request).then(
      bytes => {
        if (!call.destroyed) call.write(bytes);
        this.#finishStream(call, opened, undefined);
      },
      (error: unknown) => this.#finishStream(call, opened, toStatus(error)),
    );
  }
}

function wire(status: StatusError): { code: number; details: string } {
  return { code: status.code, details: shortEncodedText(status.message, LONGEST_MESSAGE_BYTES) };
}

/** What grpc-js 1.14 has no public place for. */
interface ServerInternals {
  /** Looks a path up; also those that nobody registered (spec/api.md §1.7). */
  _retrieveHandler(path: string): unknown;
  /** Options of each HTTP/2 session. */
  readonly commonServerOptions: SecureServerOptions;
}

/**
 * What the `nodes` of a call need of HTTP/2: a client that is given `-n "a, b"` sends ` b`, and fields that begin with a
 * blank are dropped otherwise (a call without `nodes` is served here: it would shut down the wrong node); and
 * each node is a field, of which 128 in all would be too few.
 */
function acceptNodeLists(server: Server): void {
  Object.assign((server as unknown as ServerInternals).commonServerOptions, {
    strictFieldWhitespaceValidation: false,
    maxHeaderListPairs: MAX_HEADER_FIELDS,
  });
}

function acceptManyResets(server: Server): void {
  Object.assign((server as unknown as ServerInternals).commonServerOptions, {
    streamResetBurst: 10_000,
    streamResetRate: 1_000,
  });
}

function answerUnknownPaths(server: Server, answer: (call: UnknownCall) => void): void {
  const lookup = server as unknown as ServerInternals;
  const registered = lookup._retrieveHandler.bind(server);
  lookup._retrieveHandler = path =>
    registered(path) ?? { func: answer, serialize: identity, deserialize: identity, type: 'bidi', path };
}
