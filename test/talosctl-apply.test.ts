import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { type ClusterFiles, editYaml, generateCluster } from './support/cluster.ts';
import { DockerCluster } from './support/docker.ts';
import { Cleanup, talosd } from './support/node.ts';
import type { ProcessResult } from './support/process.ts';
import { describeWith, program, rootUser, talosctl } from './support/requires.ts';
import { ANY_CLIENT, Talosctl } from './support/talosctl.ts';
import { until } from './support/until.ts';

const CTL = [process.execPath, ...talosd('ctl')];
const BUNDLE = '/etc/ssl/certs/ca-certificates';
const OK = { code: 0, stdout: '', stderr: '' };

/** What a change in default mode shows to who watches, until the API itself stops. */
const SEQUENCE = [
  ...['applyConfiguration START', 'saveConfig START', 'saveConfig START', 'saveConfig STOP', 'saveConfig STOP'],
  ...['cleanup START', 'stopNetworkd START', 'stopNetworkd STOP', 'cleanup STOP'],
  ...['stopEverything START', 'stopAllServices START'],
];

describeWith([program('dockerd'), program('docker'), rootUser, program('mmdebstrap')], 'a running container', () => {
  const cleanup = new Cleanup();
  let folder: string;
  let cluster: DockerCluster;
  let files: ClusterFiles;
  let address: string;
  let name: string;
  let client: Talosctl;

  beforeAll(async () => {
    cluster = await DockerCluster.create(cleanup);
    folder = await cleanup.folder('apply');
    address = cluster.address(2);
    name = `${cluster.name}-master-1`;
    files = await generateCluster('talosd', join(folder, 'cluster'), address);
    await editYaml(files.controlplane, document => document.set('persist', false));
    client = new Talosctl({ talosconfig: files.talosconfig, endpoint: address, program: ANY_CLIENT });
    await cluster.run(cleanup, { name, address, type: 'controlplane', config: files.controlplane });
    await booted();
  });
  afterAll(() => cleanup.run());

  const onDisk = () => client.output('read', '/system/state/config.yaml');
  const inUse = () => client.output('get', 'mc', '-o', 'yaml');
  const startedAt = () => cluster.docker('inspect', '--format', '{{.State.StartedAt}}', name);

  /** Resolves when this life of the node has booted. */
  async function booted(): Promise<void> {
    const log = () => client.run('logs', 'machined');
    await until(log, ({ stdout }) => stdout.includes('boot sequence: done'));
  }

  async function restartContainer(): Promise<void> {
    await cluster.docker('restart', name);
    await booted();
  }

  /** A file with a config (default: the one that the node was started from) changed at some paths. */
  async function variant(
    file: string,
    changes: Readonly<Record<string, unknown>>,
    base = files.controlplane,
  ): Promise<string> {
    const document = parseDocument(await readFile(base, 'utf8'));
    for (const [path, value] of Object.entries(changes)) document.setIn(path.split('.'), value);
    const target = join(folder, file);
    await writeFile(target, document.toString());
    return target;
  }

  const apply = (file: string, ...flags: string[]) => client.run('apply-config', '--file', file, ...flags);

  /**
   * What a client that watches events sees of sequences, phases and tasks while `work` is done: until the API stops, or
   * until the event that `last` names.
   */
  async function watching(work: () => Promise<unknown>, last?: RegExp): Promise<string[]> {
    const watch = client.start('events', '--tail=-1');
    await watch.waitFor(({ stdout }) => /boot +STOP/.test(stdout));
    const before = watch.stdout.length;
    await work();
    if (last) await watch.waitFor(({ stdout }) => last.test(stdout.slice(before)));
    const { stdout } = await (last ? watch.stop('SIGINT') : watch.end());
    return stdout
      .slice(before)
      .split('\n')
      .flatMap(line => {
        const [, , type = '', source, message] = line.trim().split(/ {2,}/);
        return /(?:Sequence|Phase|Task)Event$/.test(type) ? [`${source} ${message}`] : [];
      });
  }

  test('the file that it was started from applies again in every mode', async () => {
    const document = await readFile(files.controlplane, 'utf8');
    const started = await startedAt();
    expect(await apply(files.controlplane, '--immediate')).toMatchObject(OK);
    expect(await apply(files.controlplane, '--on-reboot')).toMatchObject(OK);
    expect(await onDisk()).toBe(document);

    let result: ProcessResult | undefined;
    const seen = await watching(async () => {
      result = await apply(files.controlplane);
    });
    expect(result).toMatchObject(OK);
    expect(seen).toEqual(SEQUENCE);
    await booted();
    // The agent began anew, the container did not.
    expect(await startedAt()).toBe(started);
    expect(await onDisk()).toBe(document);
    const log = await client.output('logs', 'machined');
    expect(log).toContain('task loadConfig (1/1): ');
    expect(log).toContain('using the config that was applied');
    expect(log).not.toContain('failed');
  });

  test('immediate is in use at once, on-reboot is only on disk, and neither starts a sequence', async () => {
    const proxy = await variant('proxy.yaml', { 'cluster.proxy': { disabled: true } });
    const kubelet = await variant('kubelet.yaml', {
      'cluster.proxy': { disabled: true },
      'machine.kubelet.image': 'a:b',
    });
    const seen = await watching(async () => {
      expect(await apply(proxy, '--immediate')).toMatchObject(OK);
      await until(inUse, document => document.includes('disabled: true'));
      expect(await onDisk()).toBe(await readFile(proxy, 'utf8'));

      const refused = await apply(kubelet, '--immediate');
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain(
        "this config change can't be applied in immediate mode\ndiff:\n  machine.kubelet.image: needs reboot\n",
      );
      expect(await onDisk()).toBe(await readFile(proxy, 'utf8'));

      expect(await apply(kubelet, '--on-reboot')).toMatchObject(OK);
      expect(await onDisk()).toBe(await readFile(kubelet, 'utf8'));
      expect(await inUse()).not.toContain('image: a:b');
    }, /^/);
    expect(seen).toEqual([]);
  });

  test('default mode starts anew with the config whatever it persists; USERDATA counts again when the container starts', async () => {
    const kubelet = await variant('kubelet.yaml', { 'machine.kubelet.image': 'c:d' });
    expect(await watching(() => apply(kubelet))).toEqual(SEQUENCE);
    await booted();
    expect(await inUse()).toContain('image: c:d');
    expect(await onDisk()).toBe(await readFile(kubelet, 'utf8'));

    // Also over a config on trial, of which the next start then knows nothing.
    const tried = await variant('tried.yaml', { 'cluster.proxy': { disabled: true } }, kubelet);
    const ctl = new Talosctl({ talosconfig: files.talosconfig, endpoint: address, program: CTL });
    expect(await ctl.output('apply-config', '--file', tried, '--try', '5m')).toContain('on trial until');
    await restartContainer();
    expect(await inUse()).not.toMatch(/image: c:d|disabled: true/);
    expect(await onDisk()).toBe(await readFile(files.controlplane, 'utf8'));
    expect(await ctl.output('why', 'configuration')).toMatch(/configuration +in use/);
  });

  test('a container has no power of its own: reboot and shutdown are refused, and it runs on', async () => {
    for (const command of ['reboot', 'shutdown']) {
      const { code, stderr } = await client.run(command);
      expect({ command, code, stderr }).toEqual({
        command,
        code: 1,
        stderr: expect.stringContaining('method is not supported in container mode'),
      });
    }
    expect(await client.run('version')).toMatchObject({ code: 0 });
  });

  test('what is kept over starts: the config, one append a file, and the last good config where the stored one is torn', async () => {
    const appended = { path: BUNDLE, op: 'append', permissions: 0o644, content: 'of the company\n' };
    const kept = await variant('kept.yaml', { persist: true, 'machine.files': [appended] });
    const document = await readFile(kept, 'utf8');
    const bundle = () => client.output('read', BUNDLE);
    const before = await bundle();
    for (let round = 0; round < 2; round++) {
      expect(await watching(() => apply(kept))).toEqual(SEQUENCE);
      await booted();
      expect(await bundle()).toBe(`${before}\nof the company\n`);
    }
    await restartContainer();
    expect(await bundle()).toBe(`${before}\nof the company\n`);
    expect(await onDisk()).toBe(document);

    await cluster.docker('exec', name, 'truncate', '--size=700', '/system/state/config.yaml');
    await restartContainer();
    const log = await client.output('logs', 'machined');
    expect(log).toContain('the stored config does not read, it is kept as /system/state/config.unreadable.yaml: ');
    expect(log).toContain('using the last config that a boot completed with');
    expect(await onDisk()).toBe(document);
    expect(await client.output('read', '/system/state/config.unreadable.yaml')).toBe(document.slice(0, 700));
  });

  test('a dry run names each path and changes nothing; a trial outlives the agent, ends by itself, or is kept', async () => {
    const ctl = new Talosctl({ talosconfig: files.talosconfig, endpoint: address, program: CTL });
    const ctlApply = (...args: string[]) => ctl.output('apply-config', ...args);
    const state = () =>
      cluster.docker(
        'exec',
        name,
        'sh',
        '-c',
        'cd /system/state && ls -l --time-style=full-iso config* && cat config*',
      );
    const kept = await onDisk();
    const base = join(folder, 'stored.yaml');
    await writeFile(base, kept);
    const domain = { 'cluster.network.dnsDomain': 'other.local' };
    const next = await variant('next.yaml', domain, base);
    const later = await variant('later.yaml', { ...domain, debug: true }, base);

    const before = { state: await state(), inUse: await inUse() };
    const events = await watching(async () => {
      const rows = (await ctlApply('--file', later, '--dry-run'))
        .split('\n')
        .map(line => line.split(/ {2,}/).slice(1, 3));
      expect(rows).toEqual([['PATH', 'EFFECT'], ['cluster.network.dnsDomain', 'now'], ['debug', 'needs reboot'], []]);
      expect(await ctl.run('apply-config', '--file', later, '--dry-run', '--immediate')).toMatchObject({
        code: 1,
        stderr: '',
      });
    }, /^/);
    expect({ events, state: await state(), inUse: await inUse() }).toEqual({ events: [], ...before });

    expect(await ctlApply('--file', next, '--try', '20s')).toContain('on trial until');
    await until(inUse, document => document.includes('other.local'));
    await cluster.docker('kill', '--signal', 'KILL', name);
    await cluster.docker('start', name);
    await booted();
    expect(await ctl.output('why', 'configuration')).toMatch(/configuration +on trial/);
    expect(await inUse()).toContain('other.local');
    await until(inUse, document => !document.includes('other.local'), 100_000);
    expect(await onDisk()).toBe(kept);

    const trial = await ctlApply('--file', next, '--try', '5m');
    const [, id = ''] = /: kept (\w+)\n/.exec(await ctlApply('--confirm')) ?? [];
    expect(trial).toContain('on trial until');
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect(await ctl.output('why', 'configuration')).toMatch(/configuration +in use/);
    await restartContainer();
    expect(await inUse()).toContain('other.local');
    expect(await ctl.run('apply-config', '--confirm')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no configuration is on trial'),
    });
  });

  describeWith([talosctl], 'edited and patched by the real client', () => {
    const patch = (operations: object[], ...flags: string[]) =>
      client.run('patch', 'mc', '--patch', JSON.stringify(operations), ...flags);
    const image = (value: string) => ({ op: 'add', path: '/machine/kubelet/image', value });
    const disabled = (value: boolean) => ({ op: 'add', path: '/cluster/proxy', value: { disabled: value } });

    /** Edits with a script as the editor; it finds the file as `$1` and how often it ran as `$TURN`. */
    async function edit(script: string, ...flags: string[]): Promise<ProcessResult> {
      const editor = join(folder, 'editor.sh');
      const turns = join(folder, 'turns');
      await writeFile(turns, '');
      await writeFile(editor, `#!/bin/sh\necho >>${turns}\nTURN=$(wc -l <${turns})\n${script}\n`);
      await chmod(editor, 0o755);
      return client.startWith({ TALOS_EDITOR: '', EDITOR: editor }, 'edit', 'mc', ...flags).end();
    }

    test('patch: in use at once, on disk for later, or by starting anew', async () => {
      const patched = { code: 0, stdout: `patched mc at the node ${address}\n`, stderr: '' };
      expect(await patch([disabled(true)], '--immediate')).toMatchObject(patched);
      await until(inUse, document => document.includes('disabled: true'));

      expect(await patch([image('later:1')], '--on-reboot')).toMatchObject(patched);
      expect(await onDisk()).toContain('image: later:1');
      expect(await inUse()).not.toContain('later:1');

      expect(await watching(async () => expect(await patch([image('anew:1')])).toMatchObject(patched))).toEqual(
        SEQUENCE,
      );
      await booted();
      expect(await inUse()).toContain('image: anew:1');
      expect(await onDisk()).toContain('image: anew:1');
    });

    test('patch: what is wrong is named, and nothing changes', async () => {
      const before = { onDisk: await onDisk(), inUse: await inUse() };
      const refusals = [
        [
          await patch([disabled(false), { op: 'replace', path: '/machine/none/image', value: 'x' }], '--immediate'),
          'doc is missing path: /machine/none/image',
        ],
        [
          await patch([{ op: 'add', path: '/cluster/proxxy', value: {} }]),
          'cluster.proxxy: unknown key; did you mean cluster.proxy?',
        ],
        [await patch([{ op: 'replace', path: '/machine/type', value: 'none' }]), 'unknown machine type "none"'],
        [await patch([image('x:y')], '--immediate'), 'machine.kubelet.image: needs reboot'],
        [await client.run('patch', 'mc', '--patch', 'op: add'), 'invalid character'],
      ] as const;
      for (const [{ code, stderr }, text] of refusals)
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(text) });
      expect({ onDisk: await onDisk(), inUse: await inUse() }).toEqual(before);
    });

    test('edit: a script changes the document, leaves it, or is told what was wrong with its change', async () => {
      expect(await edit('sed -i "s/disabled: true/disabled: false/" "$1"', '--immediate')).toMatchObject(OK);
      await until(inUse, document => document.includes('disabled: false'));
      expect(await edit(':', '--immediate')).toMatchObject({
        code: 0,
        stdout: 'Apply was skipped: no changes detected.\n',
      });

      const shown = join(folder, 'shown');
      const { code, stdout } = await edit(
        `if [ $TURN = 1 ]; then sed -i "s/type: controlplane/type: none/" "$1"; else cp "$1" ${shown}; fi`,
        '--immediate',
      );
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'Apply was skipped: no changes detected.\n' });
      expect(await readFile(shown, 'utf8')).toMatch(
        /^# Editing MachineConfigs\.config\.talos\.dev\/v1alpha1 at node [\d.]+\n#\n(?:#.*\n)*# .*unknown machine type "none".*config\.yaml:\d+:\d+: machine\.type/,
      );
      expect(await inUse()).toContain('type: controlplane');
    });

    test('patch of several nodes: each takes what is its own, none takes the identity of another', async () => {
      const other = cluster.address(3);
      const named = await variant('other.yaml', { 'machine.network.hostname': 'other' });
      const options = {
        name: `${cluster.name}-master-2`,
        address: other,
        type: 'controlplane',
        config: named,
      } as const;
      const second = await cluster.run(cleanup, options);
      await second.waitFor(({ stderr }) => stderr.includes('boot sequence: done'), 60_000);
      const result = await client
        .on(address, other)
        .run('patch', 'mc', '--immediate', '--patch', JSON.stringify([disabled(true)]));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(
        `${other}: rpc error: code = FailedPrecondition desc = this looks like another node's configuration: ` +
          'the call is for 2 nodes and would change machine.network.hostname; apply it to one node at a time',
      );
      await until(inUse, document => document.includes('disabled: true'));
      expect(await client.on(other).output('read', '/system/state/config.yaml')).toBe(await readFile(named, 'utf8'));
    });
  });
});
