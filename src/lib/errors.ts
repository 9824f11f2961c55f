/**
 * What went wrong, as one of a closed set. `apid/status.ts` maps each code to a gRPC status; most of the v0.9 API
 * answers `unknown` (spec/api.md §1.3), so pick a more specific code only where the spec names one.
 */
export type ErrorCode =
  | 'unknown'
  | 'canceled'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'conflict'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated';

/** The one error class of this project: a stable code, a message that a user can act on, and the cause (logged, never sent). */
export class TalosdError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TalosdError';
    this.code = code;
  }
}

/** Whether `error` carries `code`. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof TalosdError && error.code === code;
}

export const isNotFoundError = (error: unknown): boolean => hasCode(error, 'not_found');
export const isConflictError = (error: unknown): boolean =>
  hasCode(error, 'conflict') || hasCode(error, 'already_exists');
export const isCanceledError = (error: unknown): boolean =>
  hasCode(error, 'canceled') || (error instanceof Error && error.name === 'AbortError');

/** Turns anything thrown into an Error, keeping Errors as they are. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The message of anything thrown. */
export function errorMessage(thrown: unknown): string {
  return toError(thrown).message;
}

const OS_ERROR_TEXTS: Record<string, string> = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'device or resource busy',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EFBIG: 'file too large',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENETUNREACH: 'network is unreachable',
  ENODEV: 'no such device',
  ENOENT: 'no such file or directory',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOTCONN: 'transport endpoint is not connected',
  ENOTDIR: 'not a directory',
  ENOTFOUND: 'no such host',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EOPNOTSUPP: 'operation not supported',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'connection timed out',
  EXDEV: 'invalid cross-device link',
};

/** The kernel's text for an errno name (`ENOENT` → `no such file or directory`), or the name itself where unknown. */
export function osErrorText(code: string): string {
  return OS_ERROR_TEXTS[code] ?? code;
}

/**
 * An operating-system error in the form the v0.9 API shows: `<op> <path>: no such file or directory`
 * (spec/api.md §7 item 4). `op` is the Go name of the call (`open`, `stat`, `lstat`, `readlink`, …).
 */
export function osError(op: string, path: string, thrown: unknown): TalosdError {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  const text = code ? osErrorText(code) : errorMessage(thrown);
  return new TalosdError('unknown', `${op} ${path}: ${text}`, { cause: thrown });
}

/**
 * Several errors as one text, in the list form that clients of this API print (spec/api.md §1.5):
 * `2 errors occurred:\n\t* a\n\t* b\n\n`.
 */
export function errorList(messages: readonly string[]): string {
  const head = messages.length === 1 ? '1 error occurred:' : `${messages.length} errors occurred:`;
  return `${head}\n${messages.map(message => `\t* ${message}\n`).join('')}\n`;
}
