import type { Peer } from './handler.ts';

/** Metadata key that one apid of ours gives to the next; others ignore it. Read only beside `proxyfrom`. */
export const HOP_KEY = 'talosd-hop-bin';

/** What the entry hop passes on. A client could write it as well, so it is a claim, never a proof. */
export interface Hop {
  /** Shared by all hops of one call. */
  readonly callId: string;
  /** How many nodes the client addressed. */
  readonly nodeCount: number;
  /** Who the client was at the entry hop. */
  readonly client: Peer;
}

const LONGEST_TEXT = 256;

/** The value of {@link HOP_KEY}. */
export function encodeHop(hop: Hop): Buffer {
  return Buffer.from(JSON.stringify(hop));
}

/** Reads a value of {@link HOP_KEY}; undefined for anything that `encodeHop` does not write. */
export function decodeHop(value: string | Buffer): Hop | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString());
  } catch {
    return undefined; // not ours: a call without a claim
  }
  const hop = fields(parsed);
  const client = fields(hop.client);
  const { callId, nodeCount } = hop;
  const { address, subject, serial } = client;
  if (![callId, address, subject, serial].every(isShortText)) return undefined;
  if (!Number.isSafeInteger(nodeCount) || Number(nodeCount) < 1) return undefined;
  return {
    callId: String(callId),
    nodeCount: Number(nodeCount),
    client: { address: String(address), subject: String(subject), serial: String(serial) },
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isShortText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_TEXT;
}
