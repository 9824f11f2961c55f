import type { EventStream, PublishedEvent } from '../../events/stream.ts';
import { ServiceStateEvent_Action } from '../../gen/machine/machine.ts';
import { errorMessage, isNotFoundError, TalosdError } from '../../lib/errors.ts';
import { Services } from '../../resources/runtime/service.ts';
import type { ControllerContext } from '../../runtime/context.ts';
import { type Controller, output } from '../../runtime/controller.ts';
import { displayText } from '../../runtime/resource.ts';

/** A state change or a health flip of a service. */
export interface ServiceChange {
  readonly service: string;
  /** Whether its state is now Running. */
  readonly running: boolean;
  /** Known and good. */
  readonly healthy: boolean;
}

/** The kept history of service changes, then what comes, until the signal aborts. */
export type ServiceChanges = (signal: AbortSignal) => AsyncIterable<ServiceChange>;

/** The changes of services out of the node's events, all of the readable history first. */
export function serviceChanges(events: EventStream): ServiceChanges {
  return async function* (signal) {
    for await (const published of events.subscribe({ tailEvents: -1 }, signal)) {
      const change = serviceChange(published);
      if (change) yield change;
    }
  };
}

function serviceChange({ event }: PublishedEvent): ServiceChange | undefined {
  if (event.type !== 'ServiceStateEvent') return undefined;
  const { service, action, health } = event.message;
  const healthy = health !== undefined && !health.unknown && health.healthy;
  return { service, running: action === ServiceStateEvent_Action.RUNNING, healthy };
}

/**
 * Shows each service that runs as a resource (spec/resources.md §7.2). Every change is carried out in its turn, so a
 * service that went and came back begins again at version 1. Changes wait in a mailbox between their arrival and the
 * turn; a restart empties it and reads the history again.
 */
export function serviceController(changes: ServiceChanges): Controller {
  const mailbox: ServiceChange[] = [];
  return {
    name: 'v1alpha1.ServiceController',
    inputs: [],
    outputs: [output(Services)],
    sources: [
      async (trigger, signal) => {
        mailbox.length = 0;
        for await (const change of changes(signal)) {
          mailbox.push(change);
          trigger();
        }
        if (!signal.aborted) throw new TalosdError('unavailable', 'service events ended: their reader fell behind');
      },
    ],
    reconcile(ctx) {
      for (const change of mailbox.splice(0)) show(ctx, change);
    },
  };
}

function show(ctx: ControllerContext, { service, running, healthy }: ServiceChange): void {
  try {
    if (running) ctx.write(Services, service, { running, healthy });
    else ctx.destroy(Services, service);
  } catch (error) {
    if (!running && isNotFoundError(error)) return;
    const action = running ? 'creating' : 'destroying';
    ctx.log(`failed ${action} service resource ${displayText(Services, service)}: ${errorMessage(error)}`);
  }
}
