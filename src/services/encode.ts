import type { Timestamp } from '../gen/google/protobuf/timestamp.ts';
import type { ServiceHealth, ServiceInfo } from '../gen/machine/machine.ts';
import type { HealthStatus, ServiceStatus } from './state.ts';

/** 0001-01-01T00:00:00Z, which clients take for "never". */
const NEVER: Timestamp = { seconds: -62_135_596_800n, nanos: 0 };

/** Milliseconds since the epoch on the wire; undefined is year 1. */
function encodeTime(milliseconds: number | undefined): Timestamp {
  if (milliseconds === undefined) return { ...NEVER };
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: BigInt(seconds), nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}

/** Health on the wire. */
export function encodeHealth({ unknown, healthy, lastMessage, lastChange }: HealthStatus): ServiceHealth {
  return { unknown, healthy, lastMessage, lastChange: encodeTime(lastChange) };
}

/** The health that goes with plain state changes (sequences-and-services.md §3.7). */
export function unknownHealth(): ServiceHealth {
  return encodeHealth({ unknown: true, healthy: false, lastMessage: '', lastChange: undefined });
}

/** A service on the wire; `events` and `health` are always there, because clients look into both. */
export function encodeService({ id, state, events, health }: ServiceStatus): ServiceInfo {
  return {
    id,
    state,
    events: {
      events: events
        .filter(({ message }) => message !== '')
        .map(({ state, message, time }) => ({ state, msg: message, ts: encodeTime(time) })),
    },
    health: encodeHealth(health),
  };
}
