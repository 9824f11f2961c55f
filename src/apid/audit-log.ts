import { createHash } from 'node:crypto';
import { type Logger as Pino, pino } from 'pino';
import { ApplyConfigurationRequest, MachineServiceService } from '../gen/machine/machine.ts';
import { NodeServiceService, TryConfigurationRequest } from '../gen/talosd/v1/talosd.ts';
import type { Clock } from '../lib/clock.ts';
import { shortText } from '../lib/short-text.ts';
import { RotatingFile, type RotatingReadOptions } from '../system/rotating-file.ts';
import type { ServerCall } from './call.ts';
import type { Peer } from './handler.ts';
import { type StatusError, statusName } from './status.ts';
import { WindowLimit } from './window-limit.ts';

/** Takes the secrets out of a machine config; throws where it cannot be read. */
export type ConfigRedactor = (config: Uint8Array) => Uint8Array | string;

export interface AuditLogOptions {
  /** In the state folder of the node. */
  readonly path: string;
  readonly clock: Clock;
  readonly redactConfig: ConfigRedactor;
  /** A line could not be written. */
  onError(error: Error): void;
  /** Size of each of the two files kept. Default 8 MiB. */
  readonly maxBytes?: number;
}

/** How this hop came to see a call: from a client to other nodes, from a client to itself alone, or from another apid. */
export type AuditHop = 'entry' | 'direct' | 'target' | 'self';

/** One line of the audit log. */
export interface AuditRecord {
  readonly time: string;
  /** Shared by all hops of one call. */
  readonly call: string;
  readonly hop: AuditHop;
  readonly method: string;
  /** The other end of the connection, proved by its certificate. */
  readonly peer: Peer;
  /** The client as the entry hop described it: a claim of `peer`, not proved here. */
  readonly claimed?: Peer;
  readonly nodes?: readonly string[];
  /** `sha256:<hex>` of the request with its secrets left out; absent where nothing could be read. */
  readonly request?: string;
  /** Name of the gRPC code. */
  readonly outcome: string;
  readonly error?: string;
  /** Nodes of an entry hop that failed, while the call as a whole is OK. */
  readonly failed?: readonly { readonly node: string; readonly outcome: string; readonly error: string }[];
  /** How many nodes, and how many failed ones, the line had no room for. */
  readonly omitted?: { readonly nodes: number; readonly failed: number };
  readonly durationMilliseconds: number;
}

/** One line about what is no call. */
interface AuditNotice {
  readonly time: string;
  readonly event: string;
  readonly count?: number;
  readonly address?: string;
  readonly reason?: string;
}

const MAX_BYTES = 8 * 1024 * 1024;
/** Callers choose these texts: whole, a few calls would push everything else out, and lines of 64 KiB stop their readers. */
const LONGEST_ERROR = 1024;
const LONGEST_NAME = 256;
const [NODES_ROOM, FAILED_ROOM] = [24 * 1024, 16 * 1024];
const REFUSED_PER_WINDOW = 20;
const REFUSED_WINDOW_MILLISECONDS = 10_000;

/**
 * Who changed this node, or tried to: one JSON line for each call that changes anything or was refused, kept in two
 * files of 8 MiB. No call empties it; what a stranger can cause at will is limited in lines, not in count.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #file: RotatingFile;
  readonly #log: Pino;
  readonly #refusedCalls: WindowLimit;
  readonly #refusedHandshakes: WindowLimit;

  constructor(options: AuditLogOptions) {
    const { path, clock, onError, maxBytes = MAX_BYTES } = options;
    this.#options = options;
    this.#file = new RotatingFile({ path, maxBytes, onError });
    const destination = { write: (line: string) => this.#file.append(line.trimEnd()) };
    this.#log = pino({ base: null, timestamp: false, formatters: { level: label => ({ level: label }) } }, destination);
    const summary = (event: string) => (count: number) => this.#write({ time: this.#now(), event, count });
    this.#refusedCalls = new WindowLimit({
      clock,
      burst: REFUSED_PER_WINDOW,
      windowMilliseconds: REFUSED_WINDOW_MILLISECONDS,
      onSuppressed: summary('more refused calls'),
    });
    this.#refusedHandshakes = new WindowLimit({
      clock,
      burst: 1,
      windowMilliseconds: REFUSED_WINDOW_MILLISECONDS,
      onSuppressed: summary('more refused handshakes'),
    });
  }

  /** A call that changes something ran here, or was refused here. */
  served(call: ServerCall, request: Buffer, status: StatusError | undefined, isFannedOut: boolean): void {
    if (!call.head.method && !this.#refusedCalls.allow()) return;
    const hop = isFannedOut ? 'self' : call.isProxied ? 'target' : 'direct';
    this.#write(this.#record(call, hop, request, status));
  }

  /** A call that changes something was sent to the nodes it names, or failed before that. */
  entered(call: ServerCall, status: StatusError | undefined): void {
    const failed = call.fanOut?.failed.map(({ node, status: { code, message } }) => ({
      node: shortText(node, LONGEST_NAME),
      outcome: statusName(code),
      error: shortText(message, LONGEST_NAME),
    }));
    const nodes = within(NODES_ROOM, call.nodes ?? [], node => node.length);
    const failures = within(FAILED_ROOM, failed ?? [], ({ node, error }) => node.length + error.length);
    const omitted = { nodes: nodes.omitted, failed: failures.omitted };
    this.#write({
      ...this.#record(call, 'entry', call.fanOut?.request, status),
      nodes: nodes.kept,
      failed: failures.kept.length > 0 ? failures.kept : undefined,
      omitted: omitted.nodes + omitted.failed > 0 ? omitted : undefined,
    });
  }

  /** A connection was turned away: at most one line in ten seconds, and one that counts the rest. */
  refusedHandshake(address: string, reason: string): void {
    if (!this.#refusedHandshakes.allow()) return;
    this.#write({ time: this.#now(), event: 'refused handshake', address, reason });
  }

  /** The lines as `logs audit` shows them. */
  read(options: RotatingReadOptions): AsyncIterable<Uint8Array> {
    return this.#file.read(options);
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#refusedCalls.close();
    this.#refusedHandshakes.close();
    await this.#file.close();
  }

  #record(call: ServerCall, hop: AuditHop, request: Buffer | undefined, status: StatusError | undefined): AuditRecord {
    const { clock, redactConfig } = this.#options;
    const { path, startedAt, peer } = call.head;
    return {
      time: this.#now(),
      call: call.callId,
      hop,
      method: shortText(path, LONGEST_NAME),
      peer,
      claimed: call.hop?.client,
      request: request && requestDigest(path, request, redactConfig),
      outcome: statusName(status?.code ?? 0),
      error: status && shortText(status.message, LONGEST_ERROR),
      durationMilliseconds: Number((clock.monotonic() - startedAt) / 1000n) / 1000,
    };
  }

  #now(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }

  /** What went well is `info`, what was refused or failed is `warn`. */
  #write(record: AuditRecord | AuditNotice): void {
    if ('outcome' in record && record.outcome === 'OK') this.#log.info(record);
    else this.#log.warn(record);
  }
}

/** The first items whose characters fit into `room`, and how many are left out. */
function within<T>(room: number, items: readonly T[], size: (item: T) => number): { kept: T[]; omitted: number } {
  let used = 0;
  const kept = items.filter(item => {
    used += size(item);
    return used <= room;
  });
  return { kept, omitted: items.length - kept.length };
}

const APPLY = MachineServiceService.applyConfiguration.path;
const TRY = NodeServiceService.tryConfiguration.path;

/** Digest of a request; of a config only what is left without its secrets. Undefined where that cannot be told apart. */
export function requestDigest(path: string, request: Buffer, redact: ConfigRedactor): string | undefined {
  try {
    return `sha256:${createHash('sha256')
      .update(withoutSecrets(path, request, redact))
      .digest('hex')}`;
  } catch {
    return undefined; // not a request, or not a config: the outcome of the call says so
  }
}

function withoutSecrets(path: string, request: Buffer, redact: ConfigRedactor): Uint8Array {
  if (path === APPLY) {
    const message = ApplyConfigurationRequest.decode(request);
    return ApplyConfigurationRequest.encode({ ...message, data: Buffer.from(redact(message.data)) }).finish();
  }
  if (path === TRY) {
    const message = TryConfigurationRequest.decode(request);
    return TryConfigurationRequest.encode({ ...message, data: Buffer.from(redact(message.data)) }).finish();
  }
  return request;
}
