import { type Interfaces, NetworkServiceService, type Routes } from '../../gen/network/network.ts';
import { TimeServiceService } from '../../gen/time/time.ts';
import { callNodes, type FromNode } from './call-nodes.ts';
import { momentText } from './format.ts';
import { ctlCommand } from './session.ts';
import { formatTable } from './table.ts';

/** `interfaces`. */
export const interfacesCommand = ctlCommand({
  args: '',
  help: 'List the network interfaces of nodes, one line for each address.',
  examples: ['interfaces'],
  async run(session) {
    const replies = await callNodes(session, 'error getting interfaces', NetworkServiceService.interfaces, {});
    await session.out.write(interfaceTable(replies));
  },
});

/** The table of `interfaces`. One without addresses gets a line too (the original client leaves it out). */
export function interfaceTable(replies: readonly FromNode<Interfaces>[]): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.interfaces.flatMap(({ index, name, hardwareaddr, mtu, ipaddress }) => {
      const addresses = ipaddress.length > 0 ? ipaddress : [''];
      return addresses.map(address => [node, String(index), name, hardwareaddr, String(mtu), address]);
    }),
  );
  return formatTable([['NODE', 'INDEX', 'NAME', 'MAC', 'MTU', 'ADDRESS'], ...rows]);
}

/** `routes`. */
export const routesCommand = ctlCommand({
  args: '',
  help: 'List the routes of nodes.',
  examples: ['routes'],
  async run(session) {
    const replies = await callNodes(session, 'error getting routes', NetworkServiceService.routes, {});
    await session.out.write(routeTable(replies));
  },
});

/** The table of `routes`. */
export function routeTable(replies: readonly FromNode<Routes>[]): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.routes.map(each => [node, each.interface, each.destination, each.gateway, String(each.metric)]),
  );
  return formatTable([['NODE', 'INTERFACE', 'DESTINATION', 'GATEWAY', 'METRIC'], ...rows]);
}

/** `time`. */
export const timeCommand = ctlCommand({
  args: '',
  help: 'Compare the clocks of nodes with their time server, or with another one.',
  examples: ['time', 'time --check pool.ntp.org'],
  options: [{ flags: '-c, --check <server>', help: 'time server to ask' }],
  async run(session, _args, options) {
    const server = options.string('check');
    const what = 'error fetching time';
    const replies = server
      ? await callNodes(session, what, TimeServiceService.timeCheck, { server })
      : await callNodes(session, what, TimeServiceService.time, {});
    const rows = replies.map(({ node, message }) => [
      node,
      message.server,
      momentText(message.localtime),
      momentText(message.remotetime),
    ]);
    await session.out.write(formatTable([['NODE', 'NTP-SERVER', 'NODE-TIME', 'NTP-SERVER-TIME'], ...rows]));
  },
});
