import {
  MachineServiceService,
  type Memory,
  type Mounts,
  type Process,
  type ProcessInfo,
} from '../../gen/machine/machine.ts';
import { TalosdError } from '../../lib/errors.ts';
import { humanSize } from '../../lib/size.ts';
import { callNodes, type FromNode } from './call-nodes.ts';
import { MEMINFO_LABELS } from './meminfo.ts';
import { ctlCommand } from './session.ts';
import { formatTable } from './table.ts';

/** `memory`. */
export const memoryCommand = ctlCommand({
  args: '',
  help: 'Show the memory of nodes, in MiB.',
  examples: ['memory', 'memory -v'],
  options: [{ flags: '-v, --verbose', help: 'every figure of /proc/meminfo' }],
  async run(session, _args, options) {
    const replies = await callNodes(session, 'error getting memory stats', MachineServiceService.memory, {});
    await session.out.write(options.boolean('verbose') ? memoryFigures(replies) : memoryTable(replies));
  },
});

/** The table of `memory`. */
export function memoryTable(replies: readonly FromNode<Memory>[]): string {
  const rows = replies.map(({ node, message: { meminfo } }) => {
    if (!meminfo) throw new TalosdError('unknown', `${node} sent no memory figures`);
    const used = meminfo.memtotal - meminfo.memfree - meminfo.cached - meminfo.buffers;
    const { memtotal, memfree, shmem, buffers, cached, memavailable } = meminfo;
    const figures = [memtotal, used, memfree, shmem, buffers, cached, memavailable];
    return [node, ...figures.map(kibibytes => String(kibibytes / 1024n))];
  });
  return formatTable([['NODE', 'TOTAL', 'USED', 'FREE', 'SHARED', 'BUFFERS', 'CACHE', 'AVAILABLE'], ...rows]);
}

function memoryFigures(replies: readonly FromNode<Memory>[]): string {
  return replies
    .map(({ node, message: { meminfo } }) => {
      const lines = Object.entries(MEMINFO_LABELS).map(([field, label]) => {
        const unit = label.startsWith('HugePages') ? '' : ' kB';
        return `${label}: ${meminfo?.[field as keyof typeof MEMINFO_LABELS] ?? 0n}${unit}\n`;
      });
      return `NODE: ${node}\n${lines.join('')}`;
    })
    .join('');
}

/** `mounts`. */
export const mountsCommand = ctlCommand({
  args: '',
  help: 'List the mounts of nodes and how full they are.',
  examples: ['mounts'],
  async run(session) {
    const replies = await callNodes(session, 'error getting mounts', MachineServiceService.mounts, {});
    await session.out.write(mountTable(replies));
  },
});

/** The table of `mounts`; file systems without a size are left out. */
export function mountTable(replies: readonly FromNode<Mounts>[]): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.stats
      .filter(mount => mount.size > 0n)
      .map(mount => {
        const percent = 100 - (100 * Number(mount.available)) / Number(mount.size);
        const sizes = [mount.size, mount.size - mount.available, mount.available].map(gigabytes);
        return [node, mount.filesystem, ...sizes, `${percent.toFixed(2)}%`, mount.mountedOn];
      }),
  );
  const header = ['NODE', 'FILESYSTEM', 'SIZE(GB)', 'USED(GB)', 'AVAILABLE(GB)', 'PERCENT USED', 'MOUNTED ON'];
  return formatTable([header, ...rows]);
}

/** `processes`. */
export const processesCommand = ctlCommand({
  args: '',
  help: 'List the processes of nodes, the largest first.',
  examples: ['processes', 'ps -s cpu'],
  options: [{ flags: '-s, --sort <by>', help: 'rss or cpu', default: 'rss' }],
  async run(session, _args, options) {
    const sort = options.string('sort');
    if (sort !== 'rss' && sort !== 'cpu') {
      throw new TalosdError('invalid_argument', `invalid argument ${JSON.stringify(sort)} for "--sort": rss or cpu`);
    }
    const replies = await callNodes(session, 'error getting processes', MachineServiceService.processes, {});
    await session.out.write(processTable(replies, sort));
  },
});

/** The table of `processes`: two spaces between columns (spec/api.md §3.1, recorded). */
export function processTable(replies: readonly FromNode<Process>[], sort: 'rss' | 'cpu'): string {
  const rows = replies.flatMap(({ node, message }) =>
    message.processes
      .toSorted((a, b) => (sort === 'cpu' ? b.cpuTime - a.cpuTime : Number(b.residentMemory - a.residentMemory)))
      .map(each => [
        node,
        String(each.pid),
        each.state,
        String(each.threads),
        each.cpuTime.toFixed(2),
        humanSize(each.virtualMemory),
        humanSize(each.residentMemory),
        commandLine(each),
      ]),
  );
  return formatTable([['NODE', 'PID', 'STATE', 'THREADS', 'CPU-TIME', 'VIRTMEM', 'RESMEM', 'COMMAND'], ...rows], 2);
}

function commandLine({ executable, args, command }: ProcessInfo): string {
  if (executable === '') return command;
  const [first = ''] = args.trim().split(/\s+/, 1);
  const base = executable.trim().split(/\s+/, 1)[0]!.split('/').at(-1)!;
  return first !== '' && first === base ? args.replace(first, () => executable) : args;
}

const gigabytes = (bytes: bigint): string => (Number(bytes) * 1e-9).toFixed(2);
