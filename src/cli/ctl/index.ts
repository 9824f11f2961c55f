import type { Command, CommandNode } from '../command.ts';
import { TARGET_OPTIONS } from './target-options.ts';

type Load = () => Promise<Command>;

const leaf = (summary: string, load: Load): CommandNode => ({ summary, load });

/** A command and its other names. */
function named(names: string, summary: string, load: Load): [string, CommandNode][] {
  const [name, ...aliases] = names.split(' ');
  return [
    [name!, leaf(summary, load)],
    ...aliases.map(alias => [alias, leaf(`same as ${name}`, load)] as [string, CommandNode]),
  ];
}

/** The words after `talosd ctl`: a small client of the node API (spec/api.md §3.1), each family loaded when used. */
export const ctl = {
  summary: 'Talk to nodes: a small client on the same API and the same talosconfig as talosctl.',
  leading: TARGET_OPTIONS,
  children: Object.fromEntries<CommandNode>([
    ...named(
      'version',
      'versions of this client and of nodes',
      async () => (await import('./version.ts')).versionCommand,
    ),
    ...named(
      'services service',
      'services, one service, or start and stop it',
      async () => (await import('./services.ts')).serviceCommand,
    ),
    ...named('get g', 'resources', async () => (await import('./get.ts')).getCommand),
    ...named('ls list', 'files in a folder', async () => (await import('./files.ts')).listCommand),
    ...named('usage du', 'space that folders take', async () => (await import('./files.ts')).usageCommand),
    ...named('read', 'a file', async () => (await import('./read.ts')).readCommand),
    ...named(
      'copy cp',
      'a file or folder, to a local folder or as tar.gz',
      async () => (await import('./copy.ts')).copyCommand,
    ),
    ...named('logs', 'log of a service or a container', async () => (await import('./logs.ts')).logsCommand),
    ...named('dmesg', 'kernel log', async () => (await import('./logs.ts')).dmesgCommand),
    ...named('events', 'what happens, as it happens', async () => (await import('./events.ts')).eventsCommand),
    ...named('processes p ps', 'processes', async () => (await import('./machine.ts')).processesCommand),
    ...named('memory m free', 'memory', async () => (await import('./machine.ts')).memoryCommand),
    ...named('mounts mount', 'mounts and how full they are', async () => (await import('./machine.ts')).mountsCommand),
    ...named(
      'interfaces',
      'network interfaces and addresses',
      async () => (await import('./network.ts')).interfacesCommand,
    ),
    ...named('routes route', 'routes', async () => (await import('./network.ts')).routesCommand),
    ...named('time', 'clock against the time server', async () => (await import('./network.ts')).timeCommand),
    ...named('containers c', 'containers', async () => (await import('./containers.ts')).containersCommand),
    ...named('stats', 'memory and CPU of containers', async () => (await import('./containers.ts')).statsCommand),
    ...named('restart', 'restart a container', async () => (await import('./containers.ts')).restartCommand),
    [
      'inspect',
      {
        summary: 'Look inside a node.',
        leading: TARGET_OPTIONS,
        children: {
          dependencies: leaf(
            'controllers and their resources as a graph',
            async () => (await import('./inspect.ts')).inspectDependenciesCommand,
          ),
        },
      },
    ],
    ...named(
      'apply-config apply',
      'give nodes a new config, try one, or see what it would do',
      async () => (await import('./apply-config.ts')).applyConfigCommand,
    ),
    ...named('why', 'why a node is not ready', async () => (await import('./why.ts')).whyCommand),
    ...named('reboot', 'reboot nodes', async () => (await import('./power.ts')).rebootCommand),
    ...named('shutdown', 'shut nodes down', async () => (await import('./power.ts')).shutdownCommand),
    ...named('reset', 'wipe nodes', async () => (await import('./power.ts')).resetCommand),
  ]),
} satisfies CommandNode;
