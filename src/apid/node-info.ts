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
  const named = Buffer.allocUnsafe(namedLength(message, 0, message.length, metadata));
  writeNamed(named, 0, message, 0, message.length, metadata);
  return named;
}

/**
 * A unary reply with the node's name in each element of `messages`; throws where the reply has another form
 * (spec/api.md §1.5: there the whole call fails, here only this node does).
 */
export function nameUnary(reply: Buffer, target: string, metadata: Buffer): Buffer {
  if (reply.length === 0) throw badReply(target, 'unexpected EOF');
  let total = 0;
  for (let at = 0; at < reply.length; ) {
    if (reply[at] !== FIELD_1) throw badReply(target, `unexpected message format: ${reply[at]}`);
    const { start, end } = lengthAt(reply, at + 1, reply.length);
    if (end > reply.length) throw badReply(target, 'unexpected EOF');
    const length = namedLength(reply, start, end, metadata);
    total += headerLength(length) + length;
    at = end;
  }
  const named = Buffer.allocUnsafe(total);
  for (let at = 0, to = 0; at < reply.length; ) {
    const { start, end } = lengthAt(reply, at + 1, reply.length);
    to = writeHeader(named, to, FIELD_1, namedLength(reply, start, end, metadata));
    to = writeNamed(named, to, reply, start, end, metadata);
    at = end;
  }
  return named;
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

/** How long the message between `from` and `to` is with the name in it. */
function namedLength(bytes: Buffer, from: number, to: number, metadata: Buffer): number {
  const plain = to - from + metadata.length;
  if (from === to || bytes[from] !== FIELD_1) return plain;
  const inner = lengthAt(bytes, from + 1, to);
  const hostname = metadata.length - lengthAt(metadata, 1, metadata.length).start;
  const kept = Math.min(inner.end, to) - inner.start;
  return headerLength(kept + hostname) + kept + hostname + Math.max(0, to - inner.end);
}

/** Writes the message between `from` and `to` with the name in it; returns where it ends. */
function writeNamed(out: Buffer, at: number, bytes: Buffer, from: number, to: number, metadata: Buffer): number {
  if (from === to || bytes[from] !== FIELD_1) {
    const end = at + bytes.copy(out, at, from, to);
    return end + metadata.copy(out, end);
  }
  const inner = lengthAt(bytes, from + 1, to);
  const innerEnd = Math.min(inner.end, to);
  const hostnameStart = lengthAt(metadata, 1, metadata.length).start;
  let end = writeHeader(out, at, FIELD_1, innerEnd - inner.start + metadata.length - hostnameStart);
  end += bytes.copy(out, end, inner.start, innerEnd);
  end += metadata.copy(out, end, hostnameStart);
  return end + bytes.copy(out, end, innerEnd, to);
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
  const bytes = Buffer.allocUnsafe(headerLength(length));
  writeHeader(bytes, 0, tag, length);
  return bytes;
}

/** Bytes of a tag and a length. */
function headerLength(length: number): number {
  let bytes = 2;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Writes tag and length; returns where they end. */
function writeHeader(out: Buffer, at: number, tag: number, length: number): number {
  out[at] = tag;
  let end = at + 1;
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[end++] = (rest & 0x7f) | 0x80;
  out[end] = rest;
  return end + 1;
}

/** Reads a length at `at`, before `limit`: where its bytes start and end. A length that is cut off ends beyond everything. */
function lengthAt(bytes: Buffer, at: number, limit: number): { start: number; end: number } {
  let length = 0;
  let scale = 1;
  for (let index = at; index < limit && index < at + 5; index++) {
    const byte = bytes[index]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) return { start: index + 1, end: index + 1 + length };
    scale *= 0x80;
  }
  return { start: limit, end: Number.MAX_SAFE_INTEGER };
}
