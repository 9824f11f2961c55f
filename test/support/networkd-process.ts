// The networkd part of the agent alone, to be run inside a network namespace: reads one JSON command a line (`Command`),
// writes one JSON event a line. Its files lie in the folder of its first argument.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeConfig } from '../../src/config/decode.ts';
import { aborted } from '../../src/lib/abort.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Scope } from '../../src/lib/scope.ts';
import { asksMtu } from '../../src/networkd/model/kernel-arguments.ts';
import { startNetworkd } from '../../src/networkd/start.ts';
import type { Election, SharedAddress } from '../../src/networkd/vip.ts';
import { KernelArguments } from '../../src/platform/kernel-args.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../../src/resources/config/machine_config.ts';
import { registerAll } from '../../src/resources/register.ts';
import { ControllerEngine } from '../../src/runtime/engine.ts';
import { Store } from '../../src/runtime/store.ts';
import { systemDhcpClients } from '../../src/system/dhcp.ts';
import { type Exec, exec } from '../../src/system/exec.ts';
import { listNetwork } from '../../src/system/ip.ts';
import { neighbourProbe } from '../../src/system/neighbours.ts';
import { NetworkObserver } from '../../src/system/network.ts';
import { NodePaths } from '../../src/system/paths.ts';

/** What it can be told. */
export interface Command {
  /** A machine config to use from now on. */
  readonly config?: string;
  /** A resource type whose resources are to be told, as `shown`. */
  readonly show?: string;
  /** Whether this neighbour answers, as the guard of live changes asks. */
  readonly probe?: { readonly link: string; readonly address: string };
  /** What to do with the shared address of this link. */
  readonly vip?: { readonly link: string; readonly order: 'take' | 'release' };
}

const [folder = '', mode = 'manage', commandLine = ''] = process.argv.slice(2);
const say = (event: object) => process.stdout.write(`${JSON.stringify({ ...event, at: performance.now() })}\n`);
const counted: Exec = async (file, args, options) => {
  const result = await exec(file, args, options);
  say({ ran: [file, ...args].join(' '), lines: String(options?.input ?? '').split('\n').length - 1 });
  return result;
};
const log = {
  info: (message: string) => say({ info: message }),
  warn: (message: string) => say({ warn: message }),
  error: (message: string) => say({ error: message }),
};

/** Whoever talks to this process decides. */
const shared = new Map<string, SharedAddress>();
const elect: Election = async (vip, signal) => {
  shared.set(vip.link, vip);
  await aborted(signal);
  shared.delete(vip.link);
};

const scope = new Scope(error => say({ error: String(error) }));
const paths = NodePaths.local(folder);
for (const file of ['/etc/hosts', '/etc/resolv.conf']) paths.addFile(file);
mkdirSync(dirname(paths.toHost('/etc/hosts')), { recursive: true });
const store = new Store();
const registry = registerAll(store);
const engine = new ControllerEngine({ store, clock: systemClock, log: line => say({ controllers: line }) });
const network = new NetworkObserver({ clock: systemClock, logger: log, list: () => listNetwork(counted) });
const cmdline = new KernelArguments(commandLine);
const networkd = startNetworkd({
  ...{ store, engine, exec: counted, clock: systemClock, paths, network, log, cmdline, elect },
  mode: mode === 'observe' ? 'observe' : 'manage',
  // The name of the machine is that of the host, which is not to be touched.
  isContainer: true,
  platformHostname: () => undefined,
  dhcp: systemDhcpClients({
    ...{ clock: systemClock, logger: log, folder: join(folder, 'dhcp') },
    asksMtu: asksMtu(cmdline),
  }),
});
engine.start(scope);
await network.start(scope);
void networkd.configured.then(() => say({ configured: true }));

async function follow({ config, show, probe, vip }: Command): Promise<void> {
  if (config !== undefined) {
    const bytes = Buffer.from(config);
    const decoded = decodeConfig(bytes, { file: 'config.yaml', unknownKeys: 'note' });
    say({ accepted: true });
    store.put(MachineConfigs, MACHINE_CONFIG_ID, { config: decoded.config, bytes });
  }
  if (show !== undefined) {
    const { type, defaultNamespace } = registry.resolve(show);
    say({ shown: store.listAt(defaultNamespace, type).map(({ metadata, spec }) => ({ id: metadata.id, spec })) });
  }
  if (probe !== undefined) say({ answers: await neighbourProbe(counted, systemClock)(probe.link, probe.address) });
  if (vip !== undefined) {
    const address = shared.get(vip.link);
    if (!address) throw new Error(`no address is shared on ${vip.link}`);
    if (vip.order === 'take') await address.take();
    else await address.release();
    say({ vip: vip.order });
  }
}

createInterface({ input: process.stdin })
  .on('line', line => {
    follow(JSON.parse(line) as Command).catch((error: unknown) => say({ failed: String(error) }));
  })
  .on('close', () => void networkd.close().then(() => scope.close()));
