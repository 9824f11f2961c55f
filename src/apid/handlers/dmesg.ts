import type { Data } from '../../gen/common/common.ts';
import type { DmesgRequest } from '../../gen/machine/machine.ts';
import type { Clock } from '../../lib/clock.ts';
import { TalosdError } from '../../lib/errors.ts';
import { formatRecord, kernelLog } from '../../system/kmsg.ts';
import type { ProcFs } from '../../system/procfs.ts';
import type { StreamHandler } from '../handler.ts';

/** What Dmesg needs. */
export interface DmesgHandlerOptions {
  readonly clock: Clock;
  readonly proc: ProcFs;
  /** Another device than /dev/kmsg in tests only. */
  readonly device?: string;
}

/** The kernel's log, a message a record: spec/api.md §2.7, Dmesg. */
export function dmesgHandlers({ clock, proc, device }: DmesgHandlerOptions): {
  readonly dmesg: StreamHandler<DmesgRequest, Data>;
} {
  return {
    async *dmesg({ follow, tail }, { signal }) {
      for await (const record of kernelLog(clock, proc, { follow, tail, signal }, device)) {
        if (record instanceof TalosdError) {
          yield { metadata: { hostname: '', error: record.message, status: undefined }, bytes: Buffer.alloc(0) };
        } else {
          yield { metadata: undefined, bytes: Buffer.from(formatRecord(record)) };
        }
      }
    },
  };
}
