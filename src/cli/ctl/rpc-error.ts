import { type ServiceError, status } from '@grpc/grpc-js';
import { osErrorText, TalosdError } from '../../lib/errors.ts';

/** A call that ended with another status than OK, or a node's error element of the same form. */
export class RpcError extends TalosdError {
  /** The gRPC status code, as a number of `grpc.status`. */
  readonly status: number;
  /** The status text alone. */
  readonly details: string;

  constructor(code: number, details: string, options?: { cause?: unknown }) {
    super('unknown', renderStatus(code, details), options);
    this.status = code;
    this.details = details;
  }
}

/** `rpc error: code = NotFound desc = …`, the form that clients of this API show (spec/api.md §1.5). */
export function renderStatus(code: number, details: string): string {
  return `rpc error: code = ${codeName(code)} desc = ${details}`;
}

/** What grpc-js threw, as an {@link RpcError}; anything else is returned unchanged. */
export function fromServiceError(thrown: unknown): unknown {
  const { code, details } = (thrown ?? {}) as Partial<ServiceError>;
  return typeof code === 'number' && typeof details === 'string'
    ? new RpcError(code, details, { cause: thrown })
    : thrown;
}

/**
 * The text of a connection that did not come about, in the words that clients of this API look for (spec/api.md §1.6):
 * `connection error: desc = "transport: …"`. `details` is what grpc-js says.
 */
export function dialErrorText(details: string, host: string, address: string): string {
  if (/ENOTFOUND|Name resolution failed/.test(details)) return dialing(`dial tcp: lookup ${host}: no such host`);
  const errno = /\bconnect (E[A-Z]+)/.exec(details)?.[1];
  if (errno) return dialing(`dial tcp ${address}: connect: ${osErrorText(errno)}`);
  const last =
    /Last error: (?:Error: )?(.*?)(?: \(\d{4}-\S+Z\))?(?:\. Resolution note:.*)?$/s.exec(details)?.[1] ?? details;
  if (/\bECONNRESET\b|^Failed to connect$/.test(last)) {
    const hint = 'the node may not accept the client certificate of this talosconfig';
    return `connection error: desc = "transport: authentication handshake failed: connection closed" (${hint})`;
  }
  const alert = TLS_ALERT.exec(last)?.[1];
  const reason = alert === undefined ? last.replace(NODE_ADVICE, '') : `tls: ${alert}`;
  const hint = alert === 'certificate required' ? ' (the node is not in maintenance mode: leave --insecure out)' : '';
  return `connection error: desc = "transport: authentication handshake failed: ${reason}"${hint}`;
}

/** The text of an endpoint that answered nothing at all. */
export function dialTimeoutText(address: string): string {
  return dialing(`dial tcp ${address}: i/o timeout`);
}

// What Node adds to its own text is of no use here: the context's CA is the only one that counts.
const NODE_ADVICE = /; if the root CA is installed locally.*$/;

// How OpenSSL tells an alert that the other side sent.
const TLS_ALERT = /:SSL routines:[^:]*:(?:\S+ alert )?([^:]+):/;

const dialing = (reason: string) => `connection error: desc = "transport: Error while dialing ${reason}"`;

function codeName(code: number): string {
  if (code === status.OK) return 'OK';
  const name = status[code];
  if (name === undefined) return `Code(${code})`;
  return name
    .toLowerCase()
    .split('_')
    .map(word => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
