import {
  type Event,
  MachineServiceService,
  PhaseEvent,
  PhaseEvent_Action,
  SequenceEvent,
  SequenceEvent_Action,
  ServiceStateEvent,
  ServiceStateEvent_Action,
  TaskEvent,
  TaskEvent_Action,
} from '../../gen/machine/machine.ts';
import { parseDuration } from '../../lib/duration.ts';
import { TalosdError } from '../../lib/errors.ts';
import { streamNodes } from './call-nodes.ts';
import { enumName } from './format.ts';
import { ctlCommand } from './session.ts';
import { LiveTable } from './table.ts';

const TYPE_PREFIX = 'talos/runtime/';

/** `events`. */
export const eventsCommand = ctlCommand({
  args: '',
  help: 'Print what happens on nodes, as it happens, until Ctrl-C.',
  examples: ['events', 'events --tail -1', 'events --duration 10m', 'events --since dc2f6runs9qs73a1lubg'],
  options: [
    { flags: '--tail <number>', help: 'begin with this many past events (-1: all there are)', default: '0' },
    { flags: '--duration <time>', help: 'begin with the events of the last time, e.g. 10m' },
    { flags: '--since <id>', help: 'begin after this event' },
  ],
  run(session, _args, options) {
    const table = new LiveTable(['NODE', 'ID', 'EVENT', 'SOURCE', 'MESSAGE']);
    const request = {
      tailEvents: options.integer('tail') ?? 0,
      tailSeconds: wholeSeconds(options.string('duration')),
      tailId: options.string('since') ?? '',
    };
    return streamNodes(session, 'error watching events', MachineServiceService.events, request, {
      async message(node, event) {
        const cells = eventCells(event);
        if (cells) await session.out.write(table.row([node, event.id, event.data!.typeUrl, ...cells]));
      },
    });
  },
});

/** Source and message of an event (spec/api.md §3.1); undefined for kinds that are not shown. */
export function eventCells(event: Event): [source: string, message: string] | undefined {
  const { typeUrl = '', value = Buffer.alloc(0) } = event.data ?? {};
  switch (typeUrl.startsWith(TYPE_PREFIX) ? typeUrl.slice(TYPE_PREFIX.length) : '') {
    case 'machine.SequenceEvent': {
      const { sequence, action, error } = SequenceEvent.decode(value);
      return [sequence, error ? `error: ${error.message}` : enumName(SequenceEvent_Action, action)];
    }
    case 'machine.PhaseEvent': {
      const { phase, action } = PhaseEvent.decode(value);
      return [phase, enumName(PhaseEvent_Action, action)];
    }
    case 'machine.TaskEvent': {
      const { task, action } = TaskEvent.decode(value);
      return [task, enumName(TaskEvent_Action, action)];
    }
    case 'machine.ServiceStateEvent': {
      const { service, action, message } = ServiceStateEvent.decode(value);
      return [service, `${enumName(ServiceStateEvent_Action, action)}: ${message}`];
    }
    default:
      return undefined;
  }
}

function wholeSeconds(text: string | undefined): number {
  if (text === undefined) return 0;
  const duration = parseDuration(text);
  if (duration === undefined || duration < 0n) {
    const hint = 'a duration such as 10m is expected';
    throw new TalosdError('invalid_argument', `invalid argument ${JSON.stringify(text)} for "--duration": ${hint}`);
  }
  return Number(duration / 1_000_000_000n);
}
