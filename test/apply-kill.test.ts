import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkServerIdentity } from 'node:tls';
import { ChannelCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTalosconfig } from '../src/config/talosconfig.ts';
import { MachineServiceClient } from '../src/gen/machine/machine.ts';
import { ResourceServiceClient } from '../src/gen/resource/resource.ts';
import { NodeServiceClient } from '../src/gen/talosd/v1/talosd.ts';
import { tlsPrivateKey } from '../src/pki/keys.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, project } from './support/node.ts';
import { RunningProcess, runProcess } from './support/process.ts';

const SEED = 20261124;
const KILLS = 200;
/** Nodes that are killed side by side: one for each core. */
const LANES = 2;

/** Numbers from 0 to 1 that are the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const MODES = ['immediate', 'on-reboot', 'reboot', 'try'] as const;
type Mode = (typeof MODES)[number];
/** Until when a kill may come after the call, milliseconds: a start anew in place takes longer than a write. */
const WINDOW: Record<Mode, number> = { immediate: 60, 'on-reboot': 60, reboot: 500, try: 60 };
/** Over before the node can be up again, so that a config on trial is never what it starts with. */
const TRIAL_NANOSECONDS = 50_000_000;

const cleanup = new Cleanup();
let bundle: string;

beforeAll(async () => {
  bundle = join(await cleanup.folder('kill-bundle'), 'talosd.mjs');
  const { code, stderr } = await runProcess(process.execPath, [
    join(project, 'scripts/bundle.mjs'),
    join(bundle, '..'),
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
afterAll(() => cleanup.run());

/** One node that is killed again and again. */
class Victim {
  readonly #address: string;
  readonly #state: string;
  #process: RunningProcess | undefined;

  constructor(address: string, state: string) {
    this.#address = address;
    this.#state = state;
  }

  async start(): Promise<void> {
    const env = { ...process.env, PLATFORM: 'local', NODE_COMPILE_CACHE: join(bundle, '..', 'cache') };
    const args = [bundle, 'run', '--listen', this.#address, '--state', this.#state, '--verbose'];
    this.#process = new RunningProcess(process.execPath, args, { env });
    await this.#process.waitFor(({ stdout }) => stdout.includes('talosd is up'), 30_000);
  }

  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
  }

  get log(): string {
    return this.#process?.stderr ?? '';
  }

  /** The document that the node runs with, and the one on its disk. */
  async documents(): Promise<{ running: string; stored: string }> {
    const client = await this.#client(ResourceServiceClient);
    const request = { namespace: 'config', type: 'MachineConfigs.config.talos.dev', id: 'v1alpha1' };
    const reply = await new Promise<Uint8Array>((resolve, reject) => {
      client.get(request, (error, { messages } = { messages: [] }) =>
        error ? reject(error) : resolve(messages[0]?.resource?.spec?.yaml ?? new Uint8Array()),
      );
    });
    client.close();
    return {
      running: Buffer.from(reply).toString(),
      stored: await readFile(join(this.#state, 'system/state/config.yaml'), 'utf8'),
    };
  }

  /** Asks for a config: `taken`, `cut off` by a kill, or why the node refused it. */
  async apply(document: string, mode: Mode): Promise<string> {
    const data = Buffer.from(document);
    const outcome = (resolve: (text: string) => void) => (error: { code: number; details: string } | null) =>
      resolve(!error ? 'taken' : error.code === 14 || error.code === 1 ? 'cut off' : error.details);
    if (mode === 'try') {
      const client = await this.#client(NodeServiceClient);
      const timeout = { seconds: 0n, nanos: TRIAL_NANOSECONDS };
      const request = { data, timeout, noRollback: false };
      const result = await new Promise<string>(resolve => client.tryConfiguration(request, outcome(resolve)));
      client.close();
      return result;
    }
    const client = await this.#client(MachineServiceClient);
    const request = { data, immediate: mode === 'immediate', onReboot: mode === 'on-reboot' };
    const result = await new Promise<string>(resolve => client.applyConfiguration(request, outcome(resolve)));
    client.close();
    return result;
  }

  async #client<T>(Client: new (address: string, credentials: ChannelCredentials, options: object) => T): Promise<T> {
    const text = await readFile(join(this.#state, 'talosconfig'), 'utf8');
    const { ca, crt, key } = parseTalosconfig(text).contexts.get('local')!;
    const credentials = ChannelCredentials.createSsl(
      Buffer.from(ca),
      Buffer.from(tlsPrivateKey(Buffer.from(key))),
      Buffer.from(crt),
      { checkServerIdentity: (_, certificate) => checkServerIdentity(this.#address, certificate) },
    );
    const options = {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'victim',
      'grpc.default_authority': this.#address,
    };
    return new Client(`${this.#address}:50000`, credentials, options);
  }
}

/** Kills one node `count` times while it takes configs; after each start it has the one before or the one sent, whole. */
async function lane(seed: number, count: number, address: string, state: string): Promise<Record<string, number>> {
  await mkdir(state, { recursive: true });
  const random = seeded(seed);
  const victim = new Victim(address, state);
  const seen: Record<string, number> = {};
  await victim.start();
  let { running: old } = await victim.documents();
  try {
    for (let round = 0; round < count; round++) {
      const mode = MODES[Math.floor(random() * MODES.length)]!;
      const padding = `# ${'x'.repeat(Math.floor(random() * 20_000))}\n`;
      const next = `${old.replace(/clusterName: \S+/, `clusterName: round-${round}`).replace(/^# x*\n/m, '')}${padding}`;
      const wait = random() * WINDOW[mode];
      const result = victim.apply(next, mode);
      await delay(wait);
      await victim.kill();
      const outcome = await result;
      await victim.start();
      const { running, stored } = await victim.documents();
      const what = running === old ? 'old' : running === next ? 'new' : 'neither';
      const report = { round, mode, wait, outcome, what, isStored: stored === running };
      // What was answered is on the disk; what was on trial goes with the agent that tried it.
      const expected = mode === 'try' ? 'old' : outcome === 'taken' ? 'new' : what === 'new' ? 'new' : 'old';
      const sound = { ...report, outcome: outcome === 'taken' ? 'taken' : 'cut off', what: expected, isStored: true };
      expect(report, victim.log).toEqual(sound);
      seen[`${mode} ${outcome} ${what}`] = (seen[`${mode} ${outcome} ${what}`] ?? 0) + 1;
      old = running;
    }
  } finally {
    await victim.kill();
  }
  return seen;
}

test(`${KILLS} kills during applies: each start has the old or the new config, whole`, {
  timeout: 600_000,
}, async () => {
  const state = await cleanup.folder('kill');
  const addresses = loopbackAddresses(LANES);
  const lanes = await Promise.all(
    addresses.map((address, index) => lane(SEED + index, KILLS / LANES, address, join(state, String(index)))),
  );
  const total: Record<string, number> = {};
  for (const [key, value] of lanes.flatMap(seen => Object.entries(seen))) total[key] = (total[key] ?? 0) + value;
  expect(Object.values(total).reduce((sum, value) => sum + value, 0)).toBe(KILLS);
  // The instants really lie on both sides of the change.
  expect(Object.keys(total)).toEqual(expect.arrayContaining(['immediate cut off old', 'immediate taken new']));
});
