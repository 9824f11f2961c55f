import type { Clock } from '../lib/clock.ts';
import { parseIp } from '../lib/ip.ts';

/** How often one peer may call: `burst` calls at once, then `perSecond`. */
export interface RateLimit {
  readonly burst: number;
  readonly perSecond: number;
}

/** Peers remembered at once; the one seen longest ago is forgotten first. */
const MAX_PEERS = 4096;

/** A token bucket for each peer address. IPv6 peers count by /64: whoever has one address there has them all. */
export class PeerRateLimiter {
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; at: bigint }>();

  constructor(limit: RateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Whether this peer may make one more call now; counts it if so. */
  take(address: string): boolean {
    const key = bucketKey(address);
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(key) ?? { tokens: this.#limit.burst, at: now };
    const refilled = bucket.tokens + (Number(now - bucket.at) / 1e9) * this.#limit.perSecond;
    const tokens = Math.min(this.#limit.burst, refilled);
    const allowed = tokens >= 1;
    this.#buckets.delete(key); // set again below, so that the map stays in the order of last use
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    if (this.#buckets.size > MAX_PEERS) this.#buckets.delete(this.#buckets.keys().next().value!);
    return allowed;
  }
}

function bucketKey(address: string): string {
  const ip = parseIp(address);
  return ip?.family === 6 ? `${ip.value >> 64n}/64` : address;
}
