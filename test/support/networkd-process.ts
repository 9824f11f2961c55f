// The networkd part of the agent alone, to be run inside a network namespace: reads one JSON command a line
// ({"config": "<yaml>"}), writes one JSON event a line. Its files lie in the folder of its first argument.
import { createInterface } from 'node:readline';
import { decodeConfig } from '../../src/config/decode.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { Scope } from '../../src/lib/scope.ts';
import { startNetworkd } from '../../src/networkd/start.ts';
import { KernelArguments } from '../../src/platform/kernel-args.ts';
import { MACHINE_CONFIG_ID, MachineConfigs } from '../../src/resources/config/machine_config.ts';
import { registerAll } from '../../src/resources/register.ts';
import { ControllerEngine } from '../../src/runtime/engine.ts';
import { Store } from '../../src/runtime/store.ts';
import { type Exec, exec } from '../../src/system/exec.ts';
import { listNetwork } from '../../src/system/ip.ts';
import { NetworkObserver } from '../../src/system/network.ts';
import { NodePaths } from '../../src/system/paths.ts';

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

const scope = new Scope(error => say({ error: String(error) }));
const paths = NodePaths.local(folder);
for (const file of ['/etc/hosts', '/etc/resolv.conf']) paths.addFile(file);
const store = new Store();
const registry = registerAll(store);
const engine = new ControllerEngine({ store, clock: systemClock, log: line => say({ controllers: line }) });
const network = new NetworkObserver({ clock: systemClock, logger: log, list: () => listNetwork(counted) });
const networkd = startNetworkd({
  ...{ store, engine, exec: counted, clock: systemClock, paths, network, log },
  mode: mode === 'observe' ? 'observe' : 'manage',
  isContainer: true,
  cmdline: new KernelArguments(commandLine),
  platformHostname: () => 'named-by-platform',
});
engine.start(scope);
await network.start(scope);
void networkd.configured.then(() => say({ configured: true }));

createInterface({ input: process.stdin })
  .on('line', line => {
    const { config, show } = JSON.parse(line) as { config?: string; show?: string };
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
  })
  .on('close', () => void scope.close());
