// Runs inside namespaces of its own (see `startMachine`): makes a machine out of them, which nothing of the host can be
// changed from, and starts the agent in it as a machine image's init does. Its one argument is a `MachinePlan` as JSON.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { project } from './node.ts';
import { RunningProcess } from './process.ts';

/** What the machine finds when it starts. */
export interface MachinePlan {
  /** An empty folder, made by the caller. */
  readonly folder: string;
  /** The kernel command line that it sees. */
  readonly commandLine: string;
  /** The network namespace that is its network; without it, one of its own with nothing but a loopback. */
  readonly namespace?: string;
  /** Files in its root, text by path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Addresses besides 127.0.0.1 that its loopback has. */
  readonly addresses?: readonly string[];
  /** What an HTTP server inside answers, by path: statuses with bodies, used up until the last one. */
  readonly server?: {
    readonly address: string;
    readonly port: number;
    readonly answers: Record<string, { status: number; body?: string }[]>;
  };
}

/**
 * Starts an agent with `PLATFORM=auto` on a machine of its own: mounts, network, processes and host name are its own, its
 * root is a layer over the host's that is thrown away, it has no disks, may write to /proc and /sys only what is its own
 * network and name, and may set no clock.
 * Its output is the agent's log. Killing the process ends everything inside.
 */
export function startMachine(plan: MachinePlan): RunningProcess {
  const namespaces = [
    '--mount',
    ...(plan.namespace === undefined ? ['--net'] : []),
    '--pid',
    '--uts',
    '--ipc',
    '--propagation',
    'private',
    '--fork',
    '--kill-child',
  ];
  const self = new URL(import.meta.url).pathname;
  const words = ['unshare', ...namespaces, process.execPath, self, JSON.stringify(plan)];
  const [program = '', ...args] =
    plan.namespace === undefined ? words : ['ip', 'netns', 'exec', plan.namespace, ...words];
  return new RunningProcess(program, args);
}

const CAPABILITIES_WITHHELD = ['sys_time', 'sys_module', 'sys_rawio', 'sys_boot'].map(name => `-${name}`).join(',');
/** Settings of the kernel that each namespace has for itself. */
const OWN_SETTINGS = ['proc/sys/net', 'proc/sys/kernel/hostname', 'proc/sys/kernel/domainname'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom'];

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

/** The machine's root folder, with everything mounted. */
function makeRoot({ folder, commandLine, files = {} }: MachinePlan): string {
  run('mount', '-t', 'tmpfs', 'tmpfs', folder);
  const [upper, work, root] = ['upper', 'work', 'root'].map(name => join(folder, name)) as [string, string, string];
  for (const each of [upper, work, root]) mkdirSync(each);
  run('mount', '-t', 'overlay', '-o', `lowerdir=/,upperdir=${upper},workdir=${work}`, 'overlay', root);
  run('mount', '-t', 'proc', 'proc', join(root, 'proc'));
  for (const own of OWN_SETTINGS) run('mount', '--bind', join(root, own), join(root, own));
  run('mount', '-o', 'remount,bind,ro', join(root, 'proc'));
  run('mount', '-t', 'sysfs', '-o', 'ro', 'sysfs', join(root, 'sys'));
  for (const each of ['dev', 'run', 'tmp']) run('mount', '-t', 'tmpfs', 'tmpfs', join(root, each));
  for (const device of DEVICES) {
    writeFileSync(join(root, 'dev', device), '');
    run('mount', '--bind', join('/dev', device), join(root, 'dev', device));
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
  writeFileSync(join(folder, 'cmdline'), `${commandLine}\n`);
  run('mount', '--bind', join(folder, 'cmdline'), join(root, 'proc/cmdline'));
  return root;
}

async function serve({ address, port, answers }: NonNullable<MachinePlan['server']>): Promise<void> {
  const server = createServer((request, response) => {
    const left = answers[request.url ?? ''] ?? [{ status: 404 }];
    const { status, body } = left.length > 1 ? left.shift()! : left[0]!;
    response.writeHead(status).end(body);
  });
  await new Promise<void>(resolve => server.listen(port, address, resolve));
}

async function main(plan: MachinePlan): Promise<void> {
  const root = makeRoot(plan);
  run('ip', 'link', 'set', 'lo', 'up');
  for (const address of plan.addresses ?? []) run('ip', 'address', 'add', `${address}/32`, 'dev', 'lo');
  if (plan.server) await serve(plan.server);
  const agent = [process.execPath, join(project, 'src', 'main.ts'), 'run'];
  const confined = ['setpriv', '--bounding-set', CAPABILITIES_WITHHELD, '--inh-caps', CAPABILITIES_WITHHELD, ...agent];
  spawn('chroot', [root, ...confined], { stdio: 'inherit', env: { PATH: process.env['PATH'], PLATFORM: 'auto' } });
}

const [, script, plan] = process.argv;
if (plan !== undefined && script === new URL(import.meta.url).pathname) await main(JSON.parse(plan) as MachinePlan);
