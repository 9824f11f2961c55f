import { PhaseEvent, RestartEvent, SequenceEvent, ServiceStateEvent, TaskEvent } from '../gen/machine/machine.ts';

/** What a node tells about itself, by message name (spec/api.md §2.6). */
export type NodeEvent =
  | { readonly type: 'SequenceEvent'; readonly message: SequenceEvent }
  | { readonly type: 'PhaseEvent'; readonly message: PhaseEvent }
  | { readonly type: 'TaskEvent'; readonly message: TaskEvent }
  | { readonly type: 'ServiceStateEvent'; readonly message: ServiceStateEvent }
  | { readonly type: 'RestartEvent'; readonly message: RestartEvent };

/** The type URL that goes on the wire. */
export function eventTypeUrl(event: NodeEvent): string {
  return `talos/runtime/machine.${event.type}`;
}

/** The payload that goes on the wire. */
export function encodeEvent(event: NodeEvent): Buffer {
  switch (event.type) {
    case 'SequenceEvent':
      return Buffer.from(SequenceEvent.encode(event.message).finish());
    case 'PhaseEvent':
      return Buffer.from(PhaseEvent.encode(event.message).finish());
    case 'TaskEvent':
      return Buffer.from(TaskEvent.encode(event.message).finish());
    case 'ServiceStateEvent':
      return Buffer.from(ServiceStateEvent.encode(event.message).finish());
    case 'RestartEvent':
      return Buffer.from(RestartEvent.encode(event.message).finish());
  }
}
