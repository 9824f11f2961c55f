import {
  type DiskUsageInfo,
  type FileInfo,
  ListRequest_Type,
  MachineServiceService,
} from '../../gen/machine/machine.ts';
import { TalosdError } from '../../lib/errors.ts';
import { humanSize } from '../../lib/size.ts';
import { streamNodes } from './call-nodes.ts';
import { fileTime, modeText, relativeTime } from './format.ts';
import { ctlCommand } from './session.ts';
import { formatTable } from './table.ts';

const TYPES: Record<string, ListRequest_Type> = {
  f: ListRequest_Type.REGULAR,
  d: ListRequest_Type.DIRECTORY,
  l: ListRequest_Type.SYMLINK,
  L: ListRequest_Type.SYMLINK,
};

/** `list [PATH]`. */
export const listCommand = ctlCommand({
  args: '[path]',
  help: 'List a folder of nodes (default /).',
  examples: ['ls /var', 'ls -l /etc', 'ls -r -d 2 -t d /var/log'],
  options: [
    { flags: '-l, --long', help: 'mode, size and time too' },
    { flags: '-r, --recurse', help: 'what is below as well' },
    { flags: '-d, --depth <levels>', help: 'how many levels to go down', default: '0' },
    { flags: '-H, --humanize', help: 'sizes and times for people' },
    { flags: '-t, --type <list>', help: 'only f (files), d (folders) or l (links)', list: true },
  ],
  async run(session, [root = '/'], options) {
    const types = options.list('type').map(listType);
    const isLong = options.boolean('long');
    const shape = { isHuman: options.boolean('humanize'), now: Date.now() };
    const rows: string[][] = [];
    const header = isLong ? ['NODE', 'MODE', 'SIZE(B)', 'LASTMOD', 'NAME'] : ['NODE', 'NAME'];
    let isNamed = session.nodes.length > 0;
    const request = { root, recurse: options.boolean('recurse'), recursionDepth: options.integer('depth') ?? 0, types };
    const code = await streamNodes(session, 'error listing files', MachineServiceService.list, request, {
      async message(node, file) {
        if (file.error) {
          session.warn(`${node}: error reading file ${file.name}: ${file.error}`);
          return false;
        }
        if (file.metadata?.hostname) isNamed = true;
        if (isLong) rows.push(longRow(node, file, shape));
        else if (isNamed) rows.push([node, file.relativeName]);
        else await session.out.write(`${file.relativeName}\n`);
        return true;
      },
    });
    if (isLong || isNamed) await session.out.write(formatTable([header, ...rows]));
    return code;
  },
});

/** A file in the long form (spec/api.md §3.1). */
export function longRow(node: string, file: FileInfo, shape: { isHuman: boolean; now: number }): string[] {
  const modified = Number(file.modified) * 1000;
  return [
    node,
    modeText(file.mode),
    shape.isHuman ? humanSize(file.size) : String(file.size),
    shape.isHuman ? relativeTime(modified, shape.now) : fileTime(modified, shape.now),
    file.link ? `${file.relativeName} -> ${file.link}` : file.relativeName,
  ];
}

/** `usage [PATHS]`. */
export const usageCommand = ctlCommand({
  args: '[...paths]',
  help: 'Show how much space folders take (default /).',
  examples: ['usage /var', 'du -H -d 2 /var/lib', 'du -a -t 1000000 /usr'],
  options: [
    { flags: '-a, --all', help: 'files too' },
    { flags: '-d, --depth <levels>', help: 'how many levels to show', default: '0' },
    { flags: '-t, --threshold <bytes>', help: 'leave out what is smaller, or larger if negative', default: '0' },
    { flags: '-H, --humanize', help: 'sizes for people' },
  ],
  async run(session, paths, options) {
    const isHuman = options.boolean('humanize');
    const rows: [node: string, info: DiskUsageInfo][] = [];
    const request = {
      paths: paths.length > 0 ? [...paths] : ['/'],
      all: options.boolean('all'),
      recursionDepth: options.integer('depth') ?? 0,
      threshold: BigInt(options.integer('threshold') ?? 0),
    };
    const code = await streamNodes(session, 'error reading disk usage', MachineServiceService.diskUsage, request, {
      message(node, info) {
        if (info.error) {
          session.warn(`${node}: error reading file ${info.name}: ${info.error}`);
          return false;
        }
        rows.push([node, info]);
        return true;
      },
    });
    if (rows.length > 0) await session.out.write(usageTable(rows, isHuman));
    return code;
  },
});

/** Sizes and names, with the node where the answers name it. */
export function usageTable(rows: readonly (readonly [node: string, info: DiskUsageInfo])[], isHuman: boolean): string {
  const isNamed = rows.some(([, info]) => info.metadata?.hostname);
  const cells = rows.map(([node, info]) => {
    const size = isHuman ? humanSize(info.size) : String(info.size);
    return isNamed ? [node, size, info.relativeName] : [size, info.relativeName];
  });
  return formatTable([isNamed ? ['NODE', 'SIZE', 'NAME'] : ['SIZE', 'NAME'], ...cells]);
}

function listType(text: string): ListRequest_Type {
  const type = Object.hasOwn(TYPES, text) ? TYPES[text] : undefined;
  if (type === undefined) throw new TalosdError('invalid_argument', `invalid file type: ${text}`);
  return type;
}
