import type { EventStream } from '../../events/stream.ts';
import type { Event, EventsRequest } from '../../gen/machine/machine.ts';
import type { StreamHandler } from '../handler.ts';

/** The event call of MachineService (spec/api.md §2.6). */
export interface EventHandlers {
  readonly events: StreamHandler<EventsRequest, Event>;
}

/** Makes the event call for one event stream. */
export function eventHandlers({ events }: { readonly events: EventStream }): EventHandlers {
  return {
    events: async function* (request, { signal }) {
      for await (const { id, typeUrl, value } of events.subscribe(request, signal)) {
        yield { metadata: undefined, data: { typeUrl, value }, id };
      }
    },
  };
}
