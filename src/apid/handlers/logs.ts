import type { Data } from '../../gen/common/common.ts';
import type { LogsRequest } from '../../gen/machine/machine.ts';
import { hasCode } from '../../lib/errors.ts';
import type { LogReadOptions } from '../../services/circular-buffer.ts';
import type { LogBuffers } from '../../services/log-buffers.ts';
import type { StreamHandler } from '../handler.ts';
import { containerNotFound, requireAgentPart } from './container-source.ts';

/** A log that is kept elsewhere and read like the service logs. */
export interface ReadableLog {
  read(options: LogReadOptions): AsyncIterable<Uint8Array>;
}

/** The log call of MachineService (spec/api.md §2.7). */
export interface LogHandlers {
  readonly logs: StreamHandler<LogsRequest, Data>;
}

/** Makes the log call. `audit` is what the id `audit` of namespace `system` reads. */
export function logHandlers(options: { readonly logs: LogBuffers; readonly audit?: ReadableLog }): LogHandlers {
  const source = ({ namespace, id, driver }: LogsRequest, wanted: LogReadOptions) => {
    if (namespace === 'system' && id === 'audit' && options.audit) return options.audit.read(wanted);
    if (namespace === 'system' || id === 'kubelet') return options.logs.read(id, wanted);
    requireAgentPart(namespace, driver, id);
    throw containerNotFound(id);
  };
  return {
    logs: async function* (request, { signal }) {
      const { tailLines, follow } = request;
      try {
        for await (const chunk of source(request, { tailLines, follow, signal })) {
          const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
          yield { metadata: undefined, bytes };
        }
      } catch (error) {
        // A reader that was overtaken gets what it has got so far, and the end (spec/api.md §2.7, slow reader).
        if (!hasCode(error, 'resource_exhausted')) throw error;
      }
    },
  };
}
