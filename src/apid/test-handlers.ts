import { setTimeout as delay } from 'node:timers/promises';
import { TalosdError } from '../lib/errors.ts';
import type { CallContext } from './handler.ts';
import type { Handlers } from './local.ts';

/** What the handlers of a test node were asked to do, in order. */
export interface Recorded {
  readonly events: string[];
  readonly contexts: CallContext[];
}

/** A node that answers `tag` to Version and records what happens to the rest. */
export function testHandlers(tag: string): { handlers: Handlers; recorded: Recorded } {
  const recorded: Recorded = { events: [], contexts: [] };
  const { events, contexts } = recorded;
  const version = { tag, sha: '', built: '', goVersion: '', os: 'linux', arch: 'amd64' };
  const handlers: Handlers = {
    machine: {
      version: async (_request, context) => {
        contexts.push(context);
        return { messages: [{ metadata: undefined, version, platform: undefined }] };
      },
      serviceStart: async ({ id }) => {
        if (id === 'none') throw new Error(`service "${id}" is not registered`);
        return { messages: [{ metadata: undefined, resp: `Service "${id}" started` }] };
      },
      serviceStop: async ({ id }) => {
        throw new Error(`service "${id}" not defined`);
      },
      memory: async () => {
        throw new TalosdError('not_found', 'no memory', { cause: new Error('secret') });
      },
      hostname: async (_request, { signal }) => {
        events.push('hostname waits');
        try {
          await delay(60_000, undefined, { signal });
        } finally {
          events.push('hostname ended');
        }
        return { messages: [] };
      },
      reboot: async (_request, context) => {
        context.afterReply(() => events.push('rebooting'));
        events.push('reboot asked');
        return { messages: [{ metadata: undefined }] };
      },
      async *logs({ id }, { signal }) {
        if (id === 'none') throw new Error('log "none" was not registered');
        try {
          for (let line = 0; !signal.aborted; line++) {
            yield { metadata: undefined, bytes: Buffer.from(`${tag} ${line}\n`) };
            if (line >= 2) await delay(20, undefined, { signal });
          }
        } finally {
          events.push('logs ended');
        }
      },
      async *copy() {
        for (let chunk = 0; chunk < 4096; chunk++) {
          events.push('chunk');
          yield { metadata: undefined, bytes: Buffer.alloc(32 * 1024, chunk) };
        }
      },
      async *read() {
        yield { metadata: undefined, bytes: Buffer.from(tag) };
      },
    },
  };
  return { handlers, recorded };
}
