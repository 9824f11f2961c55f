import { Code } from '../gen/common/common.ts';
import {
  PhaseEvent_Action,
  SequenceEvent_Action,
  type ServiceHealth,
  ServiceStateEvent_Action,
  TaskEvent_Action,
} from '../gen/machine/machine.ts';
import type { EventStream } from './stream.ts';

/** What a running sequence tells of (sequences-and-services.md §2.4), in the words of the sequencer. */
export interface SequencePublisher {
  sequence(
    name: string,
    action: 'START' | 'STOP' | 'NOOP',
    error?: { code: 'LOCKED' | 'FATAL'; message: string },
  ): void;
  phase(name: string, action: 'START' | 'STOP'): void;
  task(name: string, action: 'START' | 'STOP'): void;
  /** `command` is the argument of reboot(2). */
  restart(command: bigint): void;
}

/** Turns the sequencer's words into events of `stream`. */
export function sequencePublisher(stream: EventStream): SequencePublisher {
  return {
    sequence: (sequence, action, error) => {
      stream.publish({
        type: 'SequenceEvent',
        message: {
          sequence,
          action: SequenceEvent_Action[action],
          error: error && { code: Code[error.code], message: error.message, details: [] },
        },
      });
    },
    phase: (phase, action) => {
      stream.publish({ type: 'PhaseEvent', message: { phase, action: PhaseEvent_Action[action] } });
    },
    task: (task, action) => {
      stream.publish({ type: 'TaskEvent', message: { task, action: TaskEvent_Action[action] } });
    },
    restart: command => {
      stream.publish({ type: 'RestartEvent', message: { cmd: command } });
    },
  };
}

/** State names as in ServiceInfo: `Running`, `Waiting`, … */
type StateName = Capitalize<Lowercase<Exclude<keyof typeof ServiceStateEvent_Action, 'UNRECOGNIZED'>>>;

/** Publishes one state change or health flip of a service. */
export function publishServiceState(
  stream: EventStream,
  event: { service: string; state: StateName; message: string; health: ServiceHealth },
): void {
  const action = event.state.toUpperCase() as Uppercase<StateName>;
  stream.publish({
    type: 'ServiceStateEvent',
    message: {
      service: event.service,
      action: ServiceStateEvent_Action[action],
      message: event.message,
      health: event.health,
    },
  });
}
