import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type { Timestamp } from '../../gen/google/protobuf/timestamp.ts';
import type { TimeRequest, TimeResponse } from '../../gen/time/time.ts';
import type { Clock } from '../../lib/clock.ts';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import type { NtpQuery } from '../../system/ntp.ts';
import type { UnaryHandler } from '../handler.ts';

/** What the time calls need. */
export interface TimeHandlerOptions {
  readonly clock: Clock;
  readonly query: NtpQuery;
  /** The first server of the machine config, or the default one. */
  readonly server: () => string;
}

/** Time and TimeCheck of spec/api.md §2.9: one question to the configured, or to the named, server. */
export interface TimeHandlers {
  readonly time: UnaryHandler<Empty, TimeResponse>;
  readonly timeCheck: UnaryHandler<TimeRequest, TimeResponse>;
}

export function timeHandlers({ clock, query, server: configured }: TimeHandlerOptions): TimeHandlers {
  const ask = async (server: string, signal: AbortSignal): Promise<TimeResponse> => {
    try {
      const { transmitted } = await query(server, { signal });
      const localtime = timestamp(BigInt(clock.now()) * 1_000_000n);
      return { messages: [{ metadata: undefined, server, localtime, remotetime: timestamp(transmitted) }] };
    } catch (error) {
      if (signal.aborted) throw error;
      throw new TalosdError('unknown', `failed to query NTP server: ${errorMessage(error)}`, { cause: error });
    }
  };
  return {
    time: (_, { signal }) => ask(configured(), signal),
    timeCheck: ({ server }, { signal }) => ask(server, signal),
  };
}

function timestamp(nanoseconds: bigint): Timestamp {
  return { seconds: nanoseconds / 1_000_000_000n, nanos: Number(nanoseconds % 1_000_000_000n) };
}
