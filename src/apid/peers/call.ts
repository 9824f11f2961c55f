import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import type { ForwardedCall } from '../router.ts';
import { StatusError, statusError } from '../status.ts';
import { APID_PORT, bareHost, hostPort } from './errors.ts';
import { FrameDecoder, frame, LARGEST_MESSAGE } from './frames.ts';

const LONGEST_TIMEOUT = 99_999_999;

/** Thrown when the other side did not begin the call, so that it may be sent again on a new connection. */
export class NotStartedError extends Error {}

/**
 * Runs one call on an open session: one request, the messages of the reply at the pace they are taken, the final status
 * as a `StatusError`. Leaving the iteration early, or the call's signal, cancels the call at the other side.
 */
export async function* callOn(session: ClientHttp2Session, call: ForwardedCall, now: number): AsyncGenerator<Buffer> {
  const stream = openStream(session, call, now);
  const cancel = () => stream.close(constants.NGHTTP2_CANCEL);
  call.signal.addEventListener('abort', cancel, { once: true });
  const replied: { headers?: IncomingHttpHeaders; trailers?: IncomingHttpHeaders } = {};
  stream.once('response', headers => {
    replied.headers = headers;
  });
  stream.once('trailers', trailers => {
    replied.trailers = trailers;
  });
  try {
    stream.end(frame(call.request));
    const decoder = new FrameDecoder(LARGEST_MESSAGE);
    for await (const chunk of stream) yield* decoder.push(chunk as Buffer);
    checkStatus(replied.trailers ?? replied.headers, replied.headers, decoder.isMidMessage);
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason;
    throw session.destroyed ? lost(error) : failure(error, stream, replied.headers);
  } finally {
    call.signal.removeEventListener('abort', cancel);
    if (!stream.closed) cancel();
  }
}

function openStream(session: ClientHttp2Session, call: ForwardedCall, now: number): ClientHttp2Stream {
  try {
    return session.request({
      ':method': 'POST',
      // What Node would say itself has no brackets round an IPv6 address.
      ':authority': hostPort(bareHost(call.target), APID_PORT),
      ':path': call.path,
      ...Object.fromEntries(Object.entries(call.headers).map(([key, value]) => [key, headerValue(value)])),
      'content-type': 'application/grpc',
      'user-agent': 'talosd',
      te: 'trailers',
      ...(Number.isFinite(call.deadline) && { 'grpc-timeout': grpcTimeout(call.deadline - now) }),
    });
  } catch (error) {
    throw new NotStartedError('the connection is closing', { cause: error });
  }
}

function headerValue(value: string | Buffer): string {
  return typeof value === 'string' ? value : value.toString('base64');
}

/** `grpc-timeout` of what is left of a deadline: at most eight digits. */
export function grpcTimeout(milliseconds: number): string {
  const left = Math.max(1, Math.ceil(milliseconds));
  return left <= LONGEST_TIMEOUT ? `${left}m` : `${Math.min(LONGEST_TIMEOUT, Math.ceil(left / 1000))}S`;
}

function checkStatus(
  trailers: IncomingHttpHeaders | undefined,
  headers: IncomingHttpHeaders | undefined,
  isMidMessage: boolean,
): void {
  const code = trailers?.['grpc-status'];
  if (code === undefined) {
    const http = Number(headers?.[':status'] ?? 200);
    // A node that dies ends its streams like one that has said everything, only without the status.
    throw http === 200
      ? statusError('unavailable', 'connection closed')
      : statusError('unknown', `HTTP status ${http}`);
  }
  if (Number(code) !== 0) throw statusOf(Number(code), trailers ?? {});
  if (isMidMessage) throw statusError('internal', 'stream ended in the middle of a message');
}

function statusOf(code: number, trailers: IncomingHttpHeaders): StatusError {
  const { 'grpc-message': message, 'grpc-status-details-bin': details } = trailers;
  const encoded = typeof details === 'string' ? Buffer.from(details, 'base64') : undefined;
  const known = Number.isInteger(code) && code > 0 && code <= 16 ? code : 2;
  return new StatusError(known, decodeMessage(String(message ?? '')), encoded);
}

/** Percent-encoding of `grpc-message`; what is not valid stays as it is. */
export function decodeMessage(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}

function failure(error: unknown, stream: ClientHttp2Stream, headers: IncomingHttpHeaders | undefined): Error {
  if (error instanceof StatusError) return error;
  switch (stream.rstCode) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return headers ? lost(error) : new NotStartedError('the other node refused the stream', { cause: error });
    case constants.NGHTTP2_CANCEL:
      return headers ? statusError('canceled', 'stream terminated by RST_STREAM with error code: CANCEL') : lost(error);
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return statusError('resource_exhausted', 'stream terminated by RST_STREAM with error code: ENHANCE_YOUR_CALM');
    default:
      return lost(error);
  }
}

function lost(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return statusError('unavailable', code === 'ECONNRESET' ? 'connection reset by peer' : 'connection closed');
}
