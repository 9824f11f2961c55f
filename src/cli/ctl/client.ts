import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  connectivityState,
  Metadata,
  status,
} from '@grpc/grpc-js';
import { dialErrorText, dialTimeoutText, fromServiceError, RpcError } from './rpc-error.ts';

/** The port of every node's API; there is no other (spec/api.md §1.6). */
export const API_PORT = 50_000;

const CONNECT_MILLISECONDS = 10_000;

/** A method as the generated service definitions describe it. */
export interface Method<Request, Reply> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Reply;
}

/** A reply with the address of the machine that sent it, without port. */
export interface Received<Reply> {
  readonly peer: string;
  readonly reply: Reply;
}

interface Endpoint {
  readonly host: string;
  readonly address: string;
  readonly client: Client;
}

/**
 * Calls over one or several endpoints: they are shuffled once, then used in turn; an endpoint that cannot be reached is
 * passed over, and nothing has been sent to it (spec/api.md §1.6). When `signal` aborts, running streams end.
 */
export class ApiClient {
  readonly #endpoints: readonly Endpoint[];
  readonly #nodes: readonly string[];
  readonly #signal: AbortSignal;
  #turn = 0;

  constructor(
    hosts: readonly string[],
    credentials: (host: string) => ChannelCredentials,
    nodes: readonly string[],
    signal: AbortSignal,
  ) {
    this.#endpoints = shuffled(hosts).map(host => {
      const address = hostPort(host);
      return { host, address, client: new Client(address, credentials(host), channelOptions(address)) };
    });
    this.#nodes = nodes;
    this.#signal = signal;
  }

  /** Sends one request and waits for its one reply. */
  async unary<Request, Reply>(method: Method<Request, Reply>, request: Request): Promise<Received<Reply>> {
    const { client, host } = await this.#connected();
    const { promise, resolve, reject } = Promise.withResolvers<Received<Reply>>();
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata(),
      (error, reply) =>
        error ? reject(fromServiceError(error)) : resolve({ peer: peerHost(call, host), reply: reply! }),
    );
    const cancel = () => call.cancel();
    this.#signal.addEventListener('abort', cancel);
    return promise.finally(() => this.#signal.removeEventListener('abort', cancel));
  }

  /** Sends one request and yields replies as the caller takes them: what is not taken is not read from the network. */
  async *stream<Request, Reply>(method: Method<Request, Reply>, request: Request): AsyncGenerator<Received<Reply>> {
    const { client, host } = await this.#connected();
    const call: ClientReadableStream<Reply> = client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadata(),
    );
    call.on('error', () => {}); // the loop below reports it; after the loop it is our own cancel
    const cancel = () => call.cancel();
    this.#signal.addEventListener('abort', cancel);
    try {
      for await (const reply of call) yield { peer: peerHost(call, host), reply };
    } catch (error) {
      if (!this.#signal.aborted) throw fromServiceError(error);
    } finally {
      this.#signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  }

  close(): void {
    for (const { client } of this.#endpoints) client.close();
  }

  async #connected(): Promise<Endpoint> {
    let failure: RpcError | undefined;
    for (let tried = 0; tried < this.#endpoints.length; tried++) {
      const endpoint = this.#endpoints[this.#turn++ % this.#endpoints.length]!;
      failure = await this.#connect(endpoint);
      if (!failure) return endpoint;
    }
    throw failure;
  }

  async #connect({ client, host, address }: Endpoint): Promise<RpcError | undefined> {
    const channel = client.getChannel();
    const deadline = Date.now() + CONNECT_MILLISECONDS;
    for (;;) {
      this.#signal.throwIfAborted();
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return undefined;
      if (state === connectivityState.TRANSIENT_FAILURE) {
        return new RpcError(status.UNAVAILABLE, dialErrorText(await refusal(client), host, address));
      }
      const { promise, resolve } = Promise.withResolvers<Error | undefined>();
      channel.watchConnectivityState(state, deadline, resolve);
      if (await untilAbort(promise, this.#signal)) return new RpcError(status.UNAVAILABLE, dialTimeoutText(address));
    }
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    for (const node of this.#nodes) metadata.add('nodes', node);
    return metadata;
  }
}

/** `host:50000`, IPv6 in brackets. */
export function hostPort(host: string): string {
  return host.includes(':') ? `[${host}]:${API_PORT}` : `${host}:${API_PORT}`;
}

function channelOptions(address: string) {
  return {
    // Any name will do: credentials check the real one, and TLS takes no IP address here.
    'grpc.ssl_target_name_override': 'talosd',
    'grpc.default_authority': address,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  };
}

/** Why a channel in failure failed: only a call is told. This one asks for nothing that exists, and fails at once. */
async function refusal(client: Client): Promise<string> {
  const bytes = (value: Buffer) => value;
  const { promise, resolve } = Promise.withResolvers<string>();
  client.makeUnaryRequest('/talosd.v1.None/None', bytes, bytes, Buffer.alloc(0), error =>
    resolve(error?.details ?? ''),
  );
  return promise;
}

async function untilAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function peerHost(call: { getPeer(): string }, fallback: string): string {
  const peer = /^(?:ipv[46]:)?\[?([0-9a-f.:]+?)\]?:\d+$/i.exec(call.getPeer());
  return peer?.[1] ?? fallback;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map(item => [Math.random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
