import { MachineServiceService, type ServiceInfo } from '../../gen/machine/machine.ts';
import { TalosdError } from '../../lib/errors.ts';
import { callNodes, type FromNode } from './call-nodes.ts';
import { age } from './format.ts';
import { ctlCommand, type Session } from './session.ts';
import { formatTable } from './table.ts';

const ACTIONS = {
  start: MachineServiceService.serviceStart,
  stop: MachineServiceService.serviceStop,
  restart: MachineServiceService.serviceRestart,
} as const;

/** `service [ID [start|stop|restart|status]]`. */
export const serviceCommand = ctlCommand({
  args: '[id] [action]',
  help: 'List the services of nodes, show one, or start, stop or restart it.\nActions: start, stop, restart, status.',
  examples: ['services', 'service kubelet', 'service timed restart'],
  async run(session, [id, action = 'status']) {
    if (id === undefined) return showServices(session);
    if (action === 'status') return showService(session, id);
    if (!Object.hasOwn(ACTIONS, action)) {
      throw new TalosdError('invalid_argument', `unsupported service action: ${JSON.stringify(action)}`);
    }
    const verb = action as keyof typeof ACTIONS;
    const what = `error ${verb === 'stop' ? 'stopping' : `${verb}ing`} service`;
    const replies = await callNodes(session, what, ACTIONS[verb], { id });
    await session.out.write(
      formatTable([['NODE', 'RESPONSE'], ...replies.map(each => [each.node, each.message.resp])]),
    );
  },
});

async function showServices(session: Session): Promise<void> {
  const replies = await callNodes(session, 'error listing services', MachineServiceService.serviceList, {});
  const services = replies.flatMap(({ node, message }) =>
    message.services.map(service => ({ node, message: service })),
  );
  await session.out.write(serviceTable(services, Date.now()));
}

async function showService(session: Session, id: string): Promise<void> {
  const replies = await callNodes(session, 'error listing services', MachineServiceService.serviceList, {});
  const found = replies.flatMap(({ node, message }) =>
    message.services.filter(service => service.id === id).map(service => ({ node, message: service })),
  );
  if (found.length === 0) {
    throw new TalosdError('not_found', `service ${JSON.stringify(id)} is not registered on any nodes`);
  }
  await session.out.write(serviceDetails(found, Date.now()));
}

/** The list of services (spec/api.md §3.1). */
export function serviceTable(services: readonly FromNode<ServiceInfo>[], now: number): string {
  const rows = services.map(({ node, message: service }) => {
    const last = service.events?.events.at(-1);
    return [node, service.id, service.state, health(service), last ? age(last.ts, now) : '', last?.msg ?? '<none>'];
  });
  return formatTable([['NODE', 'SERVICE', 'STATE', 'HEALTH', 'LAST CHANGE', 'LAST EVENT'], ...rows]);
}

/** One service on one or several nodes, with its events, newest first. */
export function serviceDetails(services: readonly FromNode<ServiceInfo>[], now: number): string {
  const rows: string[][] = [];
  for (const { node, message: service } of services) {
    rows.push(['NODE', node], ['ID', service.id], ['STATE', service.state], ['HEALTH', health(service)]);
    const message = service.health?.lastMessage;
    if (message) rows.push(['LAST HEALTH MESSAGE', message]);
    const events = (service.events?.events ?? []).toReversed();
    events.forEach((event, index) => {
      rows.push([index === 0 ? 'EVENTS' : '', `[${event.state}]: ${event.msg} (${age(event.ts, now)})`]);
    });
  }
  return formatTable(rows);
}

function health(service: ServiceInfo): string {
  if (!service.health || service.health.unknown) return '?';
  return service.health.healthy ? 'OK' : 'Fail';
}
