import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Identity } from './cluster.ts';
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  FrameReader,
  frameOf,
  greeting,
  grpcMessage,
  headerBlocks,
  windowUpdate,
} from './h2-frames.ts';

/** The one call that a client makes again and again. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly request?: Uint8Array;
  /** Value of `nodes`; the call is for the server itself without it. */
  readonly nodes?: readonly string[];
}

/** How a round of calls went. */
export interface Round {
  readonly calls: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds of each call, in no order. */
  readonly latencies: readonly number[];
  /** Bytes of messages received. */
  readonly bytes: number;
}

interface Pending {
  readonly startedAt: number;
  bytes: number;
}

const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * A load generator like h2load: one mutual-TLS connection, frames written and counted by hand, so that it can ask more
 * than any server in this table can answer. A call that fails fails the round.
 */
export class LoadClient {
  readonly #socket: TLSSocket;
  readonly #blocks: { first: Buffer; later: Buffer };
  readonly #body: Buffer;
  readonly #pending = new Map<number, Pending>();
  #nextStream = 1;
  #unacknowledged = 0;
  #onDone: (call: Pending) => void = () => {};
  #fail: (error: Error) => void = () => {};
  /** Called with the bytes of each DATA frame. */
  onData: (bytes: number) => void = () => {};

  private constructor(socket: TLSSocket, target: Target) {
    const { host, port, path, nodes, request = new Uint8Array() } = target;
    this.#socket = socket;
    this.#body = grpcMessage(request);
    this.#blocks = headerBlocks([
      [':path', path],
      [':authority', host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`],
      ['content-type', 'application/grpc'],
      ['user-agent', 'grpc-go/1.36.0'],
      ['te', 'trailers'],
      ...(nodes ?? []).map(node => ['nodes', node] as const),
    ]);
    const reader = new FrameReader((...frame) => this.#frame(...frame));
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', error => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  static async open(target: Target, identity: Identity): Promise<LoadClient> {
    const { ca, crt, key } = identity;
    const { host, port } = target;
    const socket = connect({ host, port, ca, cert: crt, key, ALPNProtocols: ['h2'] });
    socket.setNoDelay(true);
    await once(socket, 'secureConnect');
    const client = new LoadClient(socket, target);
    socket.write(greeting(WINDOW_BYTES));
    return client;
  }

  /** Makes `calls` calls, `callers` of them at a time. */
  async round(calls: number, callers: number): Promise<Round> {
    const latencies: number[] = [];
    let bytes = 0;
    let left = calls;
    const begin = performance.now();
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      this.#onDone = call => {
        latencies.push(performance.now() - call.startedAt);
        bytes += call.bytes;
        if (left > 0) {
          left--;
          this.#send();
        } else if (this.#pending.size === 0) resolve();
      };
      this.#socket.cork();
      for (; left > Math.max(0, calls - callers); left--) this.#send();
      this.#socket.uncork();
    });
    const seconds = (performance.now() - begin) / 1000;
    return { calls, seconds, perSecond: calls / seconds, latencies, bytes };
  }

  /** Milliseconds of one call alone. */
  async once(): Promise<number> {
    return (await this.round(1, 1)).latencies[0]!;
  }

  close(): void {
    this.#fail = () => {};
    this.#socket.destroy();
  }

  #send(): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#pending.set(stream, { startedAt: performance.now(), bytes: 0 });
    this.#socket.write(
      Buffer.concat([
        frameOf(FRAME.headers, END_HEADERS, stream, stream === 1 ? this.#blocks.first : this.#blocks.later),
        frameOf(FRAME.data, END_STREAM, stream, this.#body),
      ]),
    );
  }

  #frame(type: number, flags: number, stream: number, length: number, payload: Buffer): void {
    switch (type) {
      case FRAME.data:
        this.#received(stream, length);
        break;
      case FRAME.headers:
        if ((flags & END_STREAM) !== 0) this.#ended(stream);
        break;
      case FRAME.settings:
        if ((flags & ACK) === 0) this.#socket.write(frameOf(FRAME.settings, ACK, 0, Buffer.alloc(0)));
        break;
      case FRAME.ping:
        if ((flags & ACK) === 0) this.#socket.write(frameOf(FRAME.ping, ACK, 0, payload));
        break;
      case FRAME.reset:
      case FRAME.goaway:
        this.#fail(new Error(`the server gave up stream ${stream}: ${payload.toString('latin1')}`));
    }
  }

  #received(stream: number, length: number): void {
    const call = this.#pending.get(stream);
    if (call) call.bytes += length;
    this.#unacknowledged += length;
    this.onData(length);
    if (this.#unacknowledged < WINDOW_BYTES / 4) return;
    // One stream carries nearly all of what is not acknowledged here: the others' windows last for their one message.
    this.#socket.write(
      Buffer.concat([windowUpdate(0, this.#unacknowledged), windowUpdate(stream, this.#unacknowledged)]),
    );
    this.#unacknowledged = 0;
  }

  #ended(stream: number): void {
    const call = this.#pending.get(stream);
    if (!call) return;
    this.#pending.delete(stream);
    if (call.bytes === 0) this.#fail(new Error('a call was answered without a message'));
    else this.#onDone(call);
  }
}
