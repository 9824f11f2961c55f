import { type ErrorCode, errorMessage, isCanceledError, TalosdError } from '../lib/errors.ts';

/** Go's names of the gRPC codes, by number (spec/api.md §1.5). */
export const STATUS_NAMES = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

/** The name of a gRPC code as Go prints it. */
export function statusName(code: number): string {
  return STATUS_NAMES[code] ?? `Code(${code})`;
}

/** The one table from this project's error codes to gRPC status codes. */
const STATUS_OF: Record<ErrorCode, number> = {
  canceled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  conflict: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
};

/** How a call ended when it did not end well: what stands in grpc-status and grpc-message. */
export class StatusError extends Error {
  readonly code: number;
  /** An encoded google.rpc.Status with details, as another node sent it (`grpc-status-details-bin`). */
  readonly encoded: Uint8Array | undefined;

  constructor(code: number, message: string, encoded?: Uint8Array) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
    this.encoded = encoded;
  }
}

/** A status by this project's name of its code. */
export function statusError(code: ErrorCode, message: string): StatusError {
  return new StatusError(STATUS_OF[code], message);
}

/**
 * What a client is told of anything thrown: the code of a `TalosdError`, `Canceled` where the call was given up, and
 * `Unknown` with the bare text for the rest (spec/api.md §1.3). A cause is never sent.
 */
export function toStatus(thrown: unknown): StatusError {
  if (thrown instanceof StatusError) return thrown;
  if (thrown instanceof TalosdError) return new StatusError(STATUS_OF[thrown.code], thrown.message);
  if (isCanceledError(thrown)) return new StatusError(STATUS_OF.canceled, 'context canceled');
  return new StatusError(STATUS_OF.unknown, errorMessage(thrown));
}

/** Go's text of a status: `rpc error: code = Unavailable desc = …`. */
export function rpcErrorText(status: StatusError): string {
  return `rpc error: code = ${statusName(status.code)} desc = ${status.message}`;
}
