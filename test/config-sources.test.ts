import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encodeConfig } from '../src/config/encode.ts';
import { generateConfig } from '../src/config/generate/configs.ts';
import { generateSecrets, type SecretsBundle } from '../src/config/generate/secrets.ts';
import { generateTalosconfig } from '../src/config/generate/talosconfig.ts';
import type { MachineConfig } from '../src/config/schema/config.ts';
import { renderTalosconfig } from '../src/config/talosconfig.ts';
import { type MachinePlan, startMachine } from './support/machine.ts';
import { project, talosd } from './support/node.ts';
import { type RunningProcess, runProcess } from './support/process.ts';
import { describeWith, program, rootUser } from './support/requires.ts';
import { cells } from './support/talosctl.ts';
import { until } from './support/until.ts';

async function machine(plan: Omit<MachinePlan, 'folder'>) {
  const folder = await mkdtemp(join(tmpdir(), 'machine-'));
  const running = startMachine({ folder, ...plan });
  onTestFinished(async () => {
    await running.stop('SIGKILL');
    await rm(folder, { recursive: true });
  });
  return running;
}

/** Our client beside the agent, on the machine's own network. */
function ctlInside(agent: RunningProcess, ...args: string[]) {
  return runProcess('nsenter', ['--net', `--target=${agent.child.pid}`, process.execPath, ...talosd('ctl', ...args)]);
}

/** Every text stands in the log, in this order. */
function expectInOrder(log: string, ...texts: string[]): void {
  const places = texts.map(text => log.indexOf(text));
  expect(places, log).toEqual(places.filter(place => place >= 0).sort((a, b) => a - b));
}

/** A config with a disk that every machine has, and a name for clients on the machine itself. */
async function newConfig(
  type: 'controlplane' | 'worker',
  given?: SecretsBundle,
  extra: MachineConfig['machine'] = {},
): Promise<string> {
  const secrets = given ?? (await generateSecrets({ now: Date.now() }));
  const endpoint = 'https://10.5.0.2:6443';
  const config = generateConfig(type, { clusterName: 'test', endpoint, secrets, dnsDomain: 'cluster.local' });
  return encodeConfig({
    ...config,
    machine: { ...config.machine!, install: { disk: '/dev/null' }, certSANs: ['127.0.0.1'], ...extra },
  });
}

describeWith(
  [rootUser, program('unshare'), program('nsenter'), program('setpriv')],
  'an agent whose init says PLATFORM=auto',
  () => {
    test('metal takes its config from talos.config, also when the server is late', async () => {
      const answers = { '/c.yaml': [{ status: 503 }, { status: 200, body: await newConfig('worker') }] };
      const agent = await machine({
        commandLine: 'quiet talos.platform=metal talos.config=http://127.0.0.1:8080/c.yaml',
        server: { address: '127.0.0.1', port: 8080, answers },
      });
      await agent.waitFor(({ stderr }) => /phase config \(\d\/\d\): done/.test(stderr));
      expectInOrder(
        agent.stderr,
        'downloading config',
        'fetching machine config from: "http://127.0.0.1:8080/c.yaml"',
        'retrying error: failed to download config, received 503',
        'storing config in memory',
      );
    });

    test('metal without a source waits for a person', async () => {
      const agent = await machine({ commandLine: 'talos.platform=metal talos.config=none' });
      await agent.waitFor(({ stderr }) => stderr.includes('talosctl apply-config --insecure --nodes <IP> --file'));
    });

    test('a source that is long in coming: whoever asks learns why, and can do no more', async () => {
      const answers = { '/c.yaml?token=secret': [{ status: 503 }] };
      const agent = await machine({
        commandLine: 'talos.platform=metal talos.config=http://127.0.0.1:8080/c.yaml?token=secret',
        server: { address: '127.0.0.1', port: 8080, answers },
      });
      const ctl = (...args: string[]) => ctlInside(agent, ...args, '--insecure', '--nodes', '127.0.0.1');
      const { stdout } = await until(
        () => ctl('why'),
        ({ code }) => code === 0,
      );
      expect(cells(stdout).map(([, subject, state, , reason]) => [subject, state, reason])).toEqual([
        ['SUBJECT', 'STATE', 'REASON'],
        ['node', 'not ready', 'the initialize sequence is running'],
        ['sequence initialize', 'running', 'in phase config'],
        ['phase config', 'running', 'runs loadConfig'],
        [
          'task loadConfig',
          'waiting',
          'waits for the config from "http://127.0.0.1:8080/…": failed to download config, received 503',
        ],
      ]);
      expect(await ctl('apply-config', '--file', join(project, 'package.json'))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('method ApplyConfiguration not implemented'),
      });
    });

    test('a source that stays wrong is asked again, and the machine is not open to strangers meanwhile', async () => {
      const agent = await machine({ commandLine: 'talos.platform=metal talos.config=gopher://127.0.0.1/c' });
      await agent.waitFor(({ stderr }) => stderr.split('phase config (4/4): repeating in').length > 2);
      expect(agent.stderr).toContain(
        'failed to download config from "gopher://127.0.0.1/c": unsupported protocol scheme "gopher"',
      );
      expect(agent.stderr).not.toContain('starting maintenance service');
    });

    test('aws asks the metadata service where that always is, and its API does not wait for a name', async () => {
      const answers = {
        '/latest/user-data': [{ status: 200, body: await newConfig('controlplane') }],
        '/latest/meta-data/hostname': [{ status: 500 }, { status: 500 }, { status: 200, body: 'ip-10-0-0-7' }],
      };
      const agent = await machine({
        commandLine: 'talos.platform=aws',
        addresses: ['169.254.169.254'],
        server: { address: '169.254.169.254', port: 80, answers },
      });
      await agent.waitFor(({ stderr }) => /phase saveConfig \(\d\/\d\): done/.test(stderr));
      const served =
        'certificates will be created without external IPs: failed to retrieve external addresses for instance';
      expectInOrder(
        agent.stderr,
        'fetching machine config from: "http://169.254.169.254/latest/user-data"',
        'task saveConfig (1/1): failed: failed to fetch hostname from metadata service: 500',
        served,
      );
      expectInOrder(agent.stderr, 'service[apid](Running)', served);
    });

    test('a config with which the boot never ends is replaced by on-reboot and a reboot', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'recovery-'));
      onTestFinished(() => rm(folder, { recursive: true }));
      const secrets = await generateSecrets({ now: Date.now() });
      const good = await newConfig('controlplane', secrets);
      const files = [{ path: '/etc/none', op: 'append', permissions: 0o644, content: 'x' }];
      const bad = await newConfig('controlplane', secrets, { files });
      const [goodFile, talosconfig] = [join(folder, 'good.yaml'), join(folder, 'talosconfig')];
      await writeFile(goodFile, good);
      await writeFile(
        talosconfig,
        renderTalosconfig(await generateTalosconfig('test', ['127.0.0.1'], secrets, Date.now())),
      );
      const agent = await machine({
        commandLine: 'talos.platform=metal talos.config=http://127.0.0.1:8080/c.yaml',
        server: {
          address: '127.0.0.1',
          port: 8080,
          answers: { '/c.yaml': [{ status: 200, body: bad }] },
        },
      });
      const ctl = (...args: string[]) => ctlInside(agent, ...args, '--talosconfig', talosconfig);
      await agent.waitFor(({ stderr }) => stderr.includes('phase userSetup (5/6): repeating in 2s'));

      const why = await ctl('why');
      expect(
        cells(why.stdout)
          .slice(1, 4)
          .map(([, subject, state]) => `${subject} ${state}`),
      ).toEqual(['node not ready', 'sequence boot running', 'phase userSetup failing']);
      expect(why.stdout).toContain('file must exist: "/etc/none"');
      expect(await ctl('apply-config', '--file', goodFile)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('locked: the boot sequence is running'),
      });
      expect(await ctl('apply-config', '--file', goodFile, '--on-reboot')).toMatchObject({ code: 0, stderr: '' });
      expect(await ctl('reboot')).toMatchObject({ code: 0, stderr: '' });
      await agent.waitFor(({ stderr }) => stderr.includes('boot sequence: done'));
      expectInOrder(
        agent.stderr,
        'reboot via API received',
        'boot sequence: failed',
        'reboot sequence: 3 phase(s)',
        'persistence is enabled, using existing config on disk',
        'boot sequence: done',
      );
    });

    test('a command line without a platform ends the agent with the reason', async () => {
      const agent = await machine({ commandLine: 'quiet' });
      await agent.waitFor(({ stderr }) => stderr.includes('failed to determine platform'));
    });
  },
);
