import { formatDuration } from './duration.ts';

/** What the access log says of one finished call. */
export interface FinishedCall {
  /** Name of the status code as Go prints it: `OK`, `Unknown`, … */
  readonly code: string;
  /** `/package.Service/Method`. */
  readonly method: string;
  readonly nanoseconds: bigint;
  readonly kind: 'unary' | 'stream';
  /** The error's text; undefined for a call that went well. */
  readonly error?: string;
  /** Headers of the call, `:authority` among them. */
  readonly metadata: Readonly<Record<string, readonly (string | Buffer)[]>>;
}

/**
 * The access-log line of one call, without prefix (spec/api.md §1.3):
 * `<code> [<method>] <duration> <kind> <Success or error> (<key=value;…>)`, keys sorted, the token hidden.
 */
export function requestLogLine(call: FinishedCall): string {
  const metadata = Object.keys(call.metadata)
    .sort()
    .map(key => `${key}=${key === 'token' ? '<hidden>' : call.metadata[key]!.map(valueText).join(',')}`)
    .join(';');
  const duration = formatDuration(call.nanoseconds);
  return `${call.code} [${call.method}] ${duration} ${call.kind} ${call.error ?? 'Success'} (${metadata})`;
}

function valueText(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('base64');
}
