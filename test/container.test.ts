import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClusterFiles, editYaml, generateCluster } from './support/cluster.ts';
import { DockerCluster } from './support/docker.ts';
import { Cleanup, talosd } from './support/node.ts';
import { type RunningProcess, runProcess } from './support/process.ts';
import { describeWith, program, rootUser } from './support/requires.ts';
import { ANY_CLIENT, Talosctl } from './support/talosctl.ts';

/** Five times the target of docs/performance.md: CI machines are busy. */
const START_BOUND_MILLISECONDS = 7_500;
const STOP_BOUND_MILLISECONDS = 3_000;

describeWith([program('dockerd'), program('docker'), rootUser, program('mmdebstrap')], 'nodes in containers', () => {
  const cleanup = new Cleanup();
  let cluster: DockerCluster;
  let files: ClusterFiles;
  let first: string;
  let second: string;
  let console: RunningProcess;

  beforeAll(async () => {
    cluster = await DockerCluster.create(cleanup);
    first = cluster.address(2);
    second = cluster.address(3);
    files = await generateCluster('talosd', join(await cleanup.folder('container'), 'cluster'), first);
    // What the provisioner changes in the configs that it generates.
    for (const file of [files.controlplane, files.worker])
      await editYaml(file, document => {
        document.set('persist', false);
        const interfaces = [{ interface: 'eth0', ignore: true }];
        document.setIn(['machine', 'network'], { interfaces, nameservers: ['8.8.8.8', '1.1.1.1'] });
      });
  });
  afterAll(() => cleanup.run());

  const container = (name: string) => `${cluster.name}-${name}`;
  const client = (...nodes: string[]) =>
    new Talosctl({ talosconfig: files.talosconfig, endpoint: first, nodes, program: ANY_CLIENT });

  /** The first answer of a node that has just been started. */
  async function firstVersion(address: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const { code, stdout, stderr } = await client(address).run('version');
      if (code === 0) return stdout;
      if (attempt === 100) throw new Error(`no answer from ${address}: ${stderr}`);
    }
  }

  test('docker run with a config: the API answers on its address', async () => {
    const options = { name: container('master-1'), address: first, type: 'controlplane' } as const;
    const started = performance.now();
    console = await cluster.run(cleanup, { ...options, config: files.controlplane });
    const version = await firstVersion(first);
    const milliseconds = performance.now() - started;
    expect(version).toContain(`NODE:        ${first}`);
    expect(milliseconds).toBeLessThan(START_BOUND_MILLISECONDS);
    await console.waitFor(({ stderr }) => stderr.includes('boot sequence: done'));
    expect(await client(first).output('read', '/system/state/config.yaml')).toContain('controlPlane:');
    expect(await client(first).output('ls', '/')).toContain('.dockerenv');
  });

  test('without USERDATA a node waits in maintenance mode, takes a config, and is then seen through the other', async () => {
    const options = { name: container('worker-1'), address: second, type: 'join' } as const;
    const worker = await cluster.run(cleanup, options);
    await worker.waitFor(({ stderr }) => /--cert-fingerprint '\S+'/.test(stderr));
    expect(worker.stderr).toContain(`talosctl apply-config --insecure --nodes ${second} --file <config.yaml>`);
    const fingerprint = /--cert-fingerprint '(\S+)'/.exec(worker.stderr)?.[1] ?? '';
    const why = await runProcess(
      process.execPath,
      talosd('ctl', 'why', '--insecure', '-n', second, '--cert-fingerprint', fingerprint),
    );
    expect(why.stdout).toMatch(
      /task loadConfig +waiting +\S+ ago +waits for a person to bring a configuration: talosctl apply-config --insecure\n$/,
    );
    const apply = (file: string, print: string) =>
      client(second).run('apply-config', '--insecure', '--cert-fingerprint', print, '--file', file);
    const another = Buffer.alloc(32).toString('base64');
    expect(await apply(files.worker, another)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`leaf peer certificate doesn't match the provided fingerprints: [${another}]`),
    });
    expect(await apply(files.talosconfig, fingerprint)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'error applying new configuration: rpc error: code = Unknown desc = failed to parse',
      ),
    });
    expect(await apply(files.worker, fingerprint)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await worker.waitFor(({ stderr }) => stderr.includes('boot sequence: done'), 60_000);

    // The worker has its certificate from the first node; the first reaches it over the bridge.
    const services = await client(first, second).output('services');
    const ids = (node: string) =>
      services.split('\n').flatMap(line => (line.startsWith(node) ? [line.split(/ +/)[1]] : []));
    expect(ids(first)).toEqual(['apid', 'machined', 'networkd', 'routerd', 'trustd']);
    expect(ids(second)).toEqual(['apid', 'machined', 'networkd', 'routerd']);
    const { stdout } = await client(first, second).run('version');
    expect(
      stdout
        .match(/NODE: +\S+/g)
        ?.map(line => line.split(/ +/)[1])
        .sort(),
    ).toEqual([first, second]);
  });

  test('PID 1 reaps an orphan', async () => {
    const name = container('master-1');
    expect((await cluster.docker('exec', name, 'cat', '/proc/1/comm')).trim()).toBe('catatonit');
    const orphan = (await cluster.docker('exec', name, 'sh', '-c', 'sleep 0.2 & echo $!')).trim();
    // A zombie would stay in /proc for ever.
    const wait = 'for turn in $(seq 200); do [ -e /proc/$0 ] || exit 0; sleep 0.05; done; cat /proc/$0/stat; exit 1';
    await cluster.docker('exec', name, 'sh', '-c', wait, orphan);
  });

  test('docker stop is an orderly shutdown, and quick', async () => {
    const started = performance.now();
    await cluster.docker('stop', container('master-1'));
    expect(performance.now() - started).toBeLessThan(STOP_BOUND_MILLISECONDS);
    const { code, stderr } = await console.end();
    expect(code).toBe(0);
    expect(stderr).toContain('shutdown via SIGTERM received');
    expect(stderr).toContain('service[apid](Finished): Service finished successfully');
  });
});
