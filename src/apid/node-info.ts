import { Data } from '../gen/common/common.ts';
import { rpcErrorText, type StatusError, statusError } from './status.ts';

/** Field 1, length-delimited: `messages` of a reply, `metadata` of an element, `hostname` of metadata, all alike. */
const FIELD_1 = 0x0a;
const FIELD_2 = 0x12;
const FIELD_3 = 0x1a;
const STATUS_CODE = 0x08;
const NOTHING = Buffer.alloc(0);

/** Encoded `metadata{hostname}`, to be appended to an element: made once for a node of a call, used for each message. */
export function hostnameMetadata(hostname: string): Buffer {
  return field(FIELD_1, field(FIELD_1, Buffer.from(hostname)));
}

/**
 * A streamed message with the node's name. Metadata at the front (an error that the server put there) gets the name
 * inside, so that decoders which do not merge repeated fields keep both; else the name is appended (spec/api.md §1.5).
 */
export function nameStreamed(message: Buffer, metadata: Buffer): Buffer {
  return Buffer.concat(named(message, metadata));
}

/**
 * A unary reply with the node's name in each element of `messages`; throws where the reply has another form
 * (spec/api.md §1.5: there the whole call fails, here only this node does).
 */
export function nameUnary(reply: Buffer, target: string, metadata: Buffer): Buffer {
  if (reply.length === 0) throw badReply(target, 'unexpected EOF');
  const parts: Buffer[] = [];
  for (let at = 0; at < reply.length; ) {
    if (reply[at] !== FIELD_1) throw badReply(target, `unexpected message format: ${reply[at]}`);
    const { start, end } = lengthAt(reply, at + 1);
    if (end > reply.length) throw badReply(target, 'unexpected EOF');
    const element = named(reply.subarray(start, end), metadata);
    let length = 0;
    for (const part of element) length += part.length;
    parts.push(header(FIELD_1, length), ...element);
    at = end;
  }
  return Buffer.concat(parts);
}

/**
 * An encoded `common.Data`, with the node's name when `metadata` is given. Files and logs go this way in large pieces,
 * so they are copied once: the generated encoder and an appended name would make that three times.
 */
export function encodeData(data: Data, metadata: Buffer = NOTHING): Buffer {
  const isPlain = data.metadata === undefined && Object.keys(data._unknownFields ?? {}).length === 0;
  if (!isPlain) {
    const encoded = Buffer.from(Data.encode(data).finish());
    return metadata.length > 0 ? nameStreamed(encoded, metadata) : encoded;
  }
  const head = data.bytes.length > 0 ? header(FIELD_2, data.bytes.length) : NOTHING;
  return Buffer.concat([head, data.bytes, metadata]);
}

function named(message: Buffer, metadata: Buffer): Buffer[] {
  if (message[0] !== FIELD_1) return [message, metadata];
  const { start, end } = lengthAt(message, 1);
  const hostname = metadata.subarray(lengthAt(metadata, 1).start);
  const inner = message.subarray(start, end);
  return [header(FIELD_1, inner.length + hostname.length), inner, hostname, message.subarray(end)];
}

/** The message that a failed node contributes to a stream: only metadata with name, Go text and google.rpc.Status. */
export function errorMessageOf(target: string, status: StatusError): Buffer {
  const metadata = Buffer.concat([
    field(FIELD_1, Buffer.from(target)),
    field(FIELD_2, Buffer.from(rpcErrorText(status))),
    field(FIELD_3, status.encoded ?? encodedStatus(status)),
  ]);
  return field(FIELD_1, metadata);
}

/** The reply that a failed node contributes to a unary call: the same as the one element of `messages`. */
export function errorReplyOf(target: string, status: StatusError): Buffer {
  return field(FIELD_1, errorMessageOf(target, status));
}

function encodedStatus(status: StatusError): Buffer {
  return Buffer.concat([Buffer.from([STATUS_CODE, status.code]), field(FIELD_2, Buffer.from(status.message))]);
}

function badReply(target: string, reason: string): StatusError {
  return statusError('unknown', `error appending info for ${target}: ${reason}`);
}

function field(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([header(tag, bytes.length), bytes]);
}

/** Tag and length. */
function header(tag: number, length: number): Buffer {
  const bytes = [tag];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Reads a length at `at`: where its bytes start and end. A length that is cut off ends beyond the buffer. */
function lengthAt(bytes: Buffer, at: number): { start: number; end: number } {
  let length = 0;
  let scale = 1;
  for (let index = at; index < bytes.length && index < at + 5; index++) {
    const byte = bytes[index]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return { start: index + 1, end: index + 1 + length };
    scale *= 0x80;
  }
  return { start: bytes.length, end: Number.MAX_SAFE_INTEGER };
}
