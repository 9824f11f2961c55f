import type { Clock } from '../lib/clock.ts';
import { formatDuration } from '../lib/duration.ts';
import type { MetadataMap, ServerCall } from './call.ts';
import { HOP_KEY } from './hop.ts';
import { rpcErrorText, type StatusError, statusName } from './status.ts';

/** Takes a line without prefix and newline. */
export interface LineSink {
  info(line: string): void;
}

/** Where request lines go: each part that the call passes in the original has a log of its own. */
export interface AccessSinks {
  readonly apid: LineSink;
  readonly routerd: LineSink;
  /** The log of `machined`, `networkd` or `timed`. */
  backend(part: BackendPart): LineSink;
}

export type BackendPart = 'machined' | 'networkd' | 'timed';

const PARTS: Readonly<Record<string, BackendPart>> = {
  'network.NetworkService': 'networkd',
  'time.TimeService': 'timed',
};

const UNKNOWN = 2;

/** Request lines (spec/api.md §1.3, "Request log"): one a call in apid, and for each time this node served it one in routerd and one in the part. */
export class AccessLog {
  readonly #sinks: AccessSinks;
  readonly #clock: Clock;

  constructor(sinks: AccessSinks, clock: Clock) {
    this.#sinks = sinks;
    this.#clock = clock;
  }

  /** A call of a client or of another apid has ended on this port. apid proxies, so it says `stream` of every call. */
  received(call: ServerCall, status: StatusError | undefined): void {
    const { metadata, authority } = call.head;
    const shown = metadataText(metadata, authority);
    const text = status && rpcErrorText(status);
    this.#sinks.apid.info(requestLine(call, status, this.#duration(call), 'stream', text, shown));
  }

  /** This node served a call; `isFannedOut` when apid addressed itself for it, which counts as a call of its own. */
  served(call: ServerCall, status: StatusError | undefined, isFannedOut: boolean): void {
    const { metadata, method, authority } = call.head;
    const shown = metadataText(isFannedOut ? asProxied(metadata, authority) : metadata, authority);
    const duration = this.#duration(call);
    // routerd, too, proxies: its line is that of an apid.
    const line = requestLine(call, status, duration, 'stream', status && rpcErrorText(status), shown);
    this.#sinks.routerd.info(line);
    if (isFannedOut) this.#sinks.apid.info(line);
    if (!method) return;
    const kind = method.isStream ? 'stream' : 'unary';
    const part = PARTS[method.service] ?? 'machined';
    this.#sinks.backend(part).info(requestLine(call, status, duration, kind, bare(status), shown));
  }

  #duration(call: ServerCall): string {
    return formatDuration(this.#clock.monotonic() - call.head.startedAt);
  }
}

function requestLine(
  call: ServerCall,
  status: StatusError | undefined,
  duration: string,
  kind: 'unary' | 'stream',
  error: string | undefined,
  metadata: string,
): string {
  return `${statusName(status?.code ?? 0)} [${call.head.path}] ${duration} ${kind} ${error ?? 'Success'} (${metadata})`;
}

/** A request line of a server without a router in front: maintenance mode (spec/api.md §5). */
export function plainAccessLine(call: ServerCall, status: StatusError | undefined, clock: Clock): string {
  const { startedAt, method, metadata, authority } = call.head;
  const duration = formatDuration(clock.monotonic() - startedAt);
  const kind = method?.isStream ? 'stream' : 'unary';
  return requestLine(call, status, duration, kind, bare(status), metadataText(metadata, authority));
}

/** A plain error is its own text, one with a code has Go's form. */
function bare(status: StatusError | undefined): string | undefined {
  if (!status) return undefined;
  return status.code === UNKNOWN ? status.message : rpcErrorText(status);
}

function asProxied(metadata: MetadataMap, authority: string): MetadataMap {
  const { nodes: _, ...rest } = metadata;
  return { ...rest, proxyfrom: authority };
}

/** Sorted `key=value` joined with `;`; the token is hidden, and what apids tell each other is left out. */
function metadataText(metadata: MetadataMap, authority: string): string {
  const keys = Object.keys(metadata);
  keys.push('content-type');
  keys.sort();
  let text = `:authority=${authority}`;
  for (const key of keys) {
    if (key !== HOP_KEY)
      text += `;${key}=${key === 'content-type' ? 'application/grpc' : valueText(key, metadata[key]!)}`;
  }
  return text;
}

function valueText(key: string, value: string | Buffer): string {
  if (key === 'token') return '<hidden>';
  if (typeof value !== 'string') return value.toString('base64');
  return key === 'nodes' ? value.replaceAll(', ', ',') : value;
}
