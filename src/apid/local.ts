import type { MethodDefinition } from '@grpc/grpc-js';
import type { Data } from '../gen/common/common.ts';
import { errorMessage } from '../lib/errors.ts';
import type { CallContext, StreamHandler, UnaryHandler } from './handler.ts';
import { SERVICES } from './methods.ts';
import { encodeData, nameStreamed } from './node-info.ts';
import { statusError } from './status.ts';

/** A method of this node at byte level. */
export type LocalMethod = { readonly path: string } & (
  | { readonly kind: 'unary'; run(request: Buffer, context: CallContext): Promise<Buffer> }
  | {
      readonly kind: 'stream';
      /** With `name` (`hostnameMetadata`) each message carries the node's name. */
      run(request: Buffer, context: CallContext, name?: Buffer): AsyncIterable<Buffer>;
    }
);

interface Codecs {
  readonly responseStream: boolean;
  requestDeserialize(value: Buffer): unknown;
  responseDeserialize(value: Buffer): unknown;
}

/** The handler that fits a generated method definition. */
export type HandlerOf<Definition> = Definition extends {
  requestDeserialize(value: Buffer): infer Request;
  responseDeserialize(value: Buffer): infer Response;
  responseStream: infer IsStream;
}
  ? IsStream extends true
    ? StreamHandler<Request, Response>
    : UnaryHandler<Request, Response>
  : never;

/** Handlers of one service by the generated name of the method (`serviceList`). */
export type ServiceHandlers<Service> = { readonly [Name in keyof Service]?: HandlerOf<Service[Name]> };

/** Handlers of every service on port 50000. What is left out answers `Unimplemented`. */
export type Handlers = {
  readonly [Name in keyof typeof SERVICES]?: ServiceHandlers<(typeof SERVICES)[Name]>;
};

type Definition = MethodDefinition<unknown, unknown>;
type AnyHandler = (request: unknown, context: CallContext) => unknown;

/** Puts codecs round typed handlers: one entry for each method of the table, by path. */
export function buildLocal(handlers: Handlers): ReadonlyMap<string, LocalMethod> {
  const methods = new Map<string, LocalMethod>();
  for (const service of Object.keys(SERVICES) as (keyof typeof SERVICES)[]) {
    // Seen without their message types: `HandlerOf` has already tied each handler to its definition.
    const definitions = SERVICES[service] as unknown as Record<string, Definition>;
    const own = (handlers[service] ?? {}) as Record<string, AnyHandler | undefined>;
    for (const [name, definition] of Object.entries(definitions)) {
      methods.set(definition.path, wrap(definition, own[name]));
    }
  }
  return methods;
}

/** Puts a generated definition's codecs round one typed handler. */
export function localMethod<D extends Codecs>(definition: D, handler: HandlerOf<D>): LocalMethod {
  return wrap(definition as unknown as Definition, handler as AnyHandler);
}

function wrap(definition: Definition, handler: AnyHandler | undefined): LocalMethod {
  if (!handler) return missing(definition);
  const { path, responseSerialize } = definition;
  const decode = (request: Buffer): unknown => {
    try {
      return definition.requestDeserialize(request);
    } catch (error) {
      throw statusError('internal', `error unmarshalling request of ${path}: ${errorMessage(error)}`);
    }
  };
  if (!definition.responseStream) {
    const unary = handler as UnaryHandler<unknown, unknown>;
    const run = async (request: Buffer, context: CallContext) =>
      responseSerialize(await unary(decode(request), context));
    return { path, kind: 'unary', run };
  }
  const stream = handler as StreamHandler<unknown, unknown>;
  const encode = DATA_STREAMS.has(path) ? encodeDataMessage : encodeNamed(responseSerialize);
  return {
    path,
    kind: 'stream',
    async *run(request, context, name) {
      for await (const message of stream(decode(request), context)) yield encode(message, name);
    },
  };
}

type StreamEncoder = (message: unknown, name: Buffer | undefined) => Buffer;

/** Streams of `common.Data`: much and often, so they have an encoder of their own. */
const DATA_STREAMS: ReadonlySet<string> = new Set(
  (['copy', 'dmesg', 'kubeconfig', 'logs', 'read'] as const).map(name => SERVICES.machine[name].path),
);
const encodeDataMessage: StreamEncoder = (message, name) => encodeData(message as Data, name);

function encodeNamed(serialize: (message: unknown) => Buffer): StreamEncoder {
  return (message, name) => (name ? nameStreamed(serialize(message), name) : serialize(message));
}

function missing({ path, responseStream }: Definition): LocalMethod {
  const error = () =>
    statusError('unimplemented', `${path.slice(1)} is not available: this node has no handler for it`);
  if (!responseStream) return { path, kind: 'unary', run: () => Promise.reject(error()) };
  return {
    path,
    kind: 'stream',
    // biome-ignore lint/correctness/useYield: it fails before its first message
    async *run() {
      throw error();
    },
  };
}
