import { type Container, MachineServiceService, type Stats } from '../../gen/machine/machine.ts';
import type { OptionSpec } from '../command.ts';
import { callNodes, type FromNode } from './call-nodes.ts';
import { containerSource } from './logs.ts';
import { ctlCommand } from './session.ts';
import { formatTable } from './table.ts';

const KUBERNETES: OptionSpec = { flags: '-k, --kubernetes', help: 'the containers of Kubernetes' };

/** `containers`. */
export const containersCommand = ctlCommand({
  args: '',
  help: "List the node's own parts, or the containers of Kubernetes.",
  examples: ['containers', 'containers -k'],
  options: [KUBERNETES],
  async run(session, _args, options) {
    const source = containerSource(options.boolean('kubernetes'));
    const replies = await callNodes(session, 'error getting container list', MachineServiceService.containers, source);
    await session.out.write(containerTable(replies));
  },
});

/** The table of `containers`: by id, members of a pod below it. */
export function containerTable(replies: readonly FromNode<Container>[]): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.containers
      .toSorted(byId)
      .map(each => [node, each.namespace, displayId(each), each.image, String(each.pid), each.status]),
  );
  return formatTable([['NODE', 'NAMESPACE', 'ID', 'IMAGE', 'PID', 'STATUS'], ...rows]);
}

/** `stats`. */
export const statsCommand = ctlCommand({
  args: '',
  help: "Show memory and CPU time (ns) of the node's own parts, or of the containers of Kubernetes.",
  examples: ['stats', 'stats -k'],
  options: [KUBERNETES],
  async run(session, _args, options) {
    const source = containerSource(options.boolean('kubernetes'));
    const replies = await callNodes(session, 'error getting stats', MachineServiceService.stats, source);
    await session.out.write(statsTable(replies));
  },
});

/** The table of `stats`. */
export function statsTable(replies: readonly FromNode<Stats>[]): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.stats.toSorted(byId).map(each => {
      const megabytes = (Number(each.memoryUsage) * 1e-6).toFixed(2);
      return [node, each.namespace, displayId(each), megabytes, String(each.cpuUsage)];
    }),
  );
  return formatTable([['NODE', 'NAMESPACE', 'ID', 'MEMORY(MB)', 'CPU'], ...rows]);
}

/** `restart ID`. */
export const restartCommand = ctlCommand({
  args: '<id>',
  help: 'Restart the process of a part or a container.',
  examples: ['restart timed', 'restart -k kube-system/coredns:coredns'],
  options: [KUBERNETES],
  async run(session, [id], options) {
    const request = { ...containerSource(options.boolean('kubernetes')), id: id! };
    await callNodes(session, 'error restarting process', MachineServiceService.restart, request);
  },
});

interface Identified {
  id: string;
  podId: string;
}

const byId = (a: Identified, b: Identified): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const displayId = ({ id, podId }: Identified): string => (id === podId ? id : `└─ ${id}`);
