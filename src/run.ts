import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { authorityProblem } from './config/check-authority.ts';
import { decodeConfig } from './config/decode.ts';
import { encodeConfig } from './config/encode.ts';
import { generateConfig } from './config/generate/configs.ts';
import { generateSecrets } from './config/generate/secrets.ts';
import { generateTalosconfig } from './config/generate/talosconfig.ts';
import { formatProblem } from './config/problem.ts';
import { renderTalosconfig } from './config/talosconfig.ts';
import { validateConfig, validationErrorText } from './config/validate.ts';
import { systemClock } from './lib/clock.ts';
import { errorMessage, osError, TalosdError } from './lib/errors.ts';
import { Node, type NodeOptions } from './node.ts';
import { type MachineFacts, machinePlatform, platformName } from './platform/choose.ts';
import { inflated } from './platform/inflate.ts';
import { KernelArguments } from './platform/kernel-args.ts';
import { localPlatform } from './platform/local.ts';
import { exec } from './system/exec.ts';
import { atomicWrite, ensureDir, readFileIfExists, readFileLimited } from './system/files.ts';
import { httpFetch } from './system/http.ts';
import { NodePaths } from './system/paths.ts';
import { assertPortFree } from './system/port.ts';
import { systemUuid } from './system/smbios.ts';

const HELP = `Runs a node: as an ordinary process that leaves this machine alone, or, where the environment variable PLATFORM says so,
as the agent of a container (container) or of a whole machine (metal, aws, azure, ...; auto: what the kernel command line says).

Usage:
  talosd run [flags]

Flags:
      --listen <address>   address of ports 50000 and 50001 (default 127.0.0.1; elsewhere all addresses)
      --state <folder>     where everything is kept that the node changes (default .node; not used elsewhere)
      --config <file>      machine config to start with (default: one is generated at the first start)
      --verbose            the node's whole log on standard error
  -h, --help               show this text
`;

interface RunFlags {
  readonly listen: string | undefined;
  readonly state: string;
  readonly config: string | undefined;
  readonly verbose: boolean;
}

/** `talosd run`: starts a node on this machine's platform, ends with it; resolves with the exit code. */
export async function runNode(argv: readonly string[]): Promise<number> {
  const flags = parseFlags(argv);
  if (flags === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const machine: MachineFacts = {
    environment: process.env,
    kernelArguments: async () => new KernelArguments((await readFileLimited('/proc/cmdline')).toString()),
    systemUuid,
    architecture: process.arch,
    http: httpFetch(process.env),
    exec,
    clock: systemClock,
  };
  const name = await platformName(machine);
  return name === 'local' ? localNode(flags) : machineNode(flags, name, machine);
}

function parseFlags(argv: readonly string[]): RunFlags | 'help' {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        listen: { type: 'string' },
        state: { type: 'string', default: '.node' },
        config: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const { listen, state, config, verbose, help } = values;
    return help ? 'help' : { listen, state, config, verbose };
  } catch (error) {
    throw new TalosdError('invalid_argument', `${errorMessage(error).split('. ', 1)[0]} (see talosd run --help)`);
  }
}

/** The agent of a container or of a whole machine: config from its platform, log on standard error, all addresses. */
async function machineNode(flags: RunFlags, name: string, machine: MachineFacts): Promise<number> {
  const platform = machinePlatform(name, machine);
  return follow({
    platform,
    paths: NodePaths.identity(),
    kernelArguments: platform.mode === 'container' ? new KernelArguments('') : await machine.kernelArguments(),
    listenHost: flags.listen ?? '::',
    console: text => process.stderr.write(text),
    clock: systemClock,
  });
}

/** A node for its developer or its curious user: state in one folder, API on one loopback address. */
async function localNode(flags: RunFlags): Promise<number> {
  const state = resolve(flags.state);
  const listenHost = flags.listen ?? '127.0.0.1';
  const talosconfig = join(state, 'talosconfig');
  // What cannot work ends here with its reason; a node would only log it and try again.
  const given = flags.config === undefined ? undefined : await readConfig(flags.config);
  await assertListenable(listenHost);
  await ensureDir(state, 0o700);
  const configuration = async () => given ?? ownConfig(listenHost, state, talosconfig);
  const options: NodeOptions = {
    platform: localPlatform({ configuration, listenAddress: listenHost }),
    paths: NodePaths.local(state),
    kernelArguments: new KernelArguments(''),
    listenHost,
    console: text => flags.verbose && process.stderr.write(text),
    clock: systemClock,
  };
  const near = relative(process.cwd(), state);
  const place = near.startsWith('..') ? state : near || '.';
  const access =
    flags.config === undefined
      ? `--talosconfig ${join(place, 'talosconfig')}`
      : `--talosconfig ${credentialsBeside(flags.config)} -e ${listenHost} -n ${listenHost}`;
  return follow(options, () => {
    process.stdout.write(
      [
        `talosd is up: the node API answers on ${listenHost}:50000, its state is in ${place}/`,
        '',
        `  npx talosd ctl ${access} version`,
        `  npx talosd ctl ${access} services`,
        `  talosctl ${access} dashboard`,
        '',
        'Ctrl-C stops it; the next start goes on with the same state.',
        '',
      ].join('\n'),
    );
  });
}

/** Where the owner of a config has the credentials for it: `gen config` writes them beside it. */
function credentialsBeside(config: string): string {
  const file = join(dirname(config), 'talosconfig');
  return existsSync(file) ? file : 'TALOSCONFIG';
}

/** The machine config in a file, sound for a node on this machine; notes go to standard error. */
async function readConfig(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch(error => {
    throw osError('open', file, error);
  });
  const { config, notes, positions } = decodeConfig(await inflated(bytes), { file, unknownKeys: 'note' });
  const checked = validateConfig(config, { mode: 'container', diskExists: () => true, positions });
  for (const note of [...notes, ...checked.notes]) process.stderr.write(`note: ${formatProblem(note)}\n`);
  const authority = authorityProblem(config);
  if (authority) checked.problems.push({ ...positions.locate(authority.path), ...authority });
  if (checked.problems.length > 0) throw new TalosdError('unknown', validationErrorText(checked.problems));
  return bytes;
}

async function assertListenable(host: string): Promise<void> {
  for (const port of [50000, 50001]) {
    try {
      await assertPortFree(host, port);
    } catch (error) {
      const isTaken = ((error as TalosdError).cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      const hint = isTaken ? ' (is a node running there? another one takes --listen 127.0.0.2 --state DIR)' : '';
      throw new TalosdError('unavailable', errorMessage(error) + hint, { cause: error });
    }
  }
}

/**
 * A single-node cluster of its own, and the credentials of its owner beside it: made at the first start and kept, so that
 * a node which does not persist its config, or has lost it, is the same node again.
 */
async function ownConfig(listenHost: string, state: string, talosconfig: string): Promise<Uint8Array> {
  const file = join(state, 'generated.yaml');
  const known = await readFileIfExists(file);
  if (known) return known;
  const now = systemClock.now();
  const secrets = await generateSecrets({ now });
  const host = listenHost.includes(':') ? `[${listenHost}]` : listenHost;
  const config = generateConfig('controlplane', {
    clusterName: 'local',
    endpoint: `https://${host}:6443`,
    secrets,
    dnsDomain: 'cluster.local',
  });
  const credentials = await generateTalosconfig('local', [listenHost], secrets, now);
  const contexts = new Map(
    [...credentials.contexts].map(([name, context]) => [name, { ...context, nodes: [listenHost] }]),
  );
  await atomicWrite(talosconfig, renderTalosconfig({ ...credentials, contexts }), 0o600);
  const document = Buffer.from(encodeConfig(config));
  await atomicWrite(file, document, 0o600);
  return document;
}

/** Runs a node until it ends or a signal ends it; one that starts anew in place is the next `Node`. */
async function follow(options: NodeOptions, onUp: () => void = () => {}): Promise<number> {
  let node = new Node(options);
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) return;
    isStopping = true;
    void node.shutdown(`shutdown via ${signal} received`);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const ended = new AbortController();
  // A service that was stopped counts as up too, for those that wait for it.
  const announce = () => isStopping || onUp();
  node.up(ended.signal).then(announce, () => {});
  for (;;) {
    const { command, config } = await node.run();
    ended.abort();
    if (command !== 'restart' || isStopping) return 0;
    node = new Node({ ...options, handedOver: config });
  }
}
