import type { Empty } from '../../gen/google/protobuf/empty.ts';
import type { ProcessesResponse } from '../../gen/machine/machine.ts';
import { listProcesses } from '../../system/processes.ts';
import type { ProcFs } from '../../system/procfs.ts';
import type { UnaryHandler } from '../handler.ts';

/** Processes of spec/api.md §2.4. */
export function processHandlers({ proc }: { readonly proc: ProcFs }): {
  readonly processes: UnaryHandler<Empty, ProcessesResponse>;
} {
  return {
    processes: async (_, { signal }) => ({
      messages: [{ metadata: undefined, processes: await listProcesses(proc, signal) }],
    }),
  };
}
