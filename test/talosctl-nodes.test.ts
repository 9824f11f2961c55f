import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateCluster } from './support/cluster.ts';
import { makeTree } from './support/contents.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, type TestNode } from './support/node.ts';
import { describeWith, rootUser, talosctl } from './support/requires.ts';
import { cells, normalise, Talosctl } from './support/talosctl.ts';

/** Far below the five seconds after which a silent node becomes an error: nobody waited for it. */
const UNDELAYED_MILLISECONDS = 3_000;

describeWith([talosctl], 'several nodes through one endpoint', () => {
  const cleanup = new Cleanup();
  const [first, second, third, silent] = loopbackAddresses(4) as [string, string, string, string];
  const names = { [first]: '<first>', [second]: '<second>', [third]: '<third>' };
  let dying: TestNode;
  let folder: string;
  let both: Talosctl;
  let three: Talosctl;
  const plain = (text: string) => normalise(text, names);
  const dead = `rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing dial tcp ${third}:50000: connect: connection refused"`;
  const warning = `WARNING: 1 error occurred:\n\t* ${third}: ${dead}\n\n\n`;

  beforeAll(async () => {
    folder = await cleanup.folder('nodes');
    const files = await generateCluster('talosd', join(folder, 'cluster'), first);
    const start = async (listen: string, config: string) => {
      await makeTree(join(folder, listen, 'var', 'tree'));
      return cleanup.node({ listen, state: join(folder, listen), config });
    };
    await start(first, files.controlplane);
    // A worker: its certificate comes from the first node's trustd.
    await start(second, files.worker);
    dying = await start(third, files.controlplane);
    both = new Talosctl({ talosconfig: files.talosconfig, endpoint: first, nodes: [first, second] });
    three = both.on(first, second, third);
  });
  afterAll(() => cleanup.run());

  /** Rows of a table by node, without the column that names it; the header is under ''. */
  async function byNode(client: Talosctl, ...args: string[]): Promise<Record<string, string[][]>> {
    const rows = cells(plain(await client.output(...args)));
    return Object.fromEntries(
      Object.entries(Object.groupBy(rows, ([node = '']) => (node === 'NODE' ? '' : node))).map(([node, group = []]) => [
        node,
        group.map(row => row.slice(1)),
      ]),
    );
  }

  test('each answers for itself', async () => {
    const version = plain(await both.output('version'));
    expect(version.match(/NODE: {3}\S+/g)?.sort()).toEqual(['NODE:   <first>', 'NODE:   <second>']);
    const tree = await byNode(both, 'list', '-l', '-r', '/var/tree');
    expect(tree['<second>']).toHaveLength(5);
    expect(tree['<first>']).toEqual(tree['<second>']);
    const usage = await byNode(both, 'usage', '-a', '/var/tree');
    expect(usage['<first>']).toEqual(usage['<second>']);
    const ids = (rows: string[][] = [], column = 0) => rows.map(row => row[column]);
    const services = await byNode(both, 'service');
    expect([ids(services['<first>']), ids(services['<second>'])]).toEqual([
      ['apid', 'machined', 'networkd', 'routerd', 'trustd'],
      ['apid', 'machined', 'networkd', 'routerd'], // a worker signs nothing
    ]);
    const resources = await byNode(both, 'get', 'services');
    expect([ids(resources['<first>'], 2), ids(resources['<second>'], 2)]).toEqual([
      ids(services['<first>']),
      ids(services['<second>']),
    ]);
    for (const command of ['containers', 'stats', 'memory', 'mounts', 'interfaces', 'routes'])
      expect(Object.keys(await byNode(both, command)).sort(), command).toEqual(['', '<first>', '<second>']);
    const one = cells(plain(await both.output('service', 'apid'))).filter(([key]) => key === 'NODE' || key === 'ID');
    expect(one.map(([, value]) => value).sort()).toEqual(['<first>', '<second>', 'apid', 'apid']);
  });

  test('streams of both are told apart', async () => {
    const follow = both.start('logs', 'machined', '-f', '--tail', '1');
    const eachHas = (lines: number) =>
      follow.waitFor(({ stdout }) => [first, second].every(node => stdout.split(`${node}: `).length > lines));
    await eachHas(1); // both are followed now: what comes next is seen
    await both.output('version');
    await eachHas(2);
    expect(await follow.stop('SIGINT')).toMatchObject({ code: 0 });
    const events = both.start('events', '--tail', '1');
    await events.waitFor(({ stdout }) => stdout.split('\n').length > 3);
    const { stdout } = await events.stop('SIGINT');
    expect(
      cells(plain(stdout))
        .map(row => row[0])
        .sort(),
    ).toEqual(['<first>', '<second>', 'NODE']);
  });

  test('commands for one node refuse two', async () => {
    for (const args of [
      ['read', '/var/tree/file'],
      ['copy', '/var/tree', '-'],
      ['inspect', 'dependencies'],
    ])
      expect((await both.run(...args)).stderr).toContain('is not supported with multiple nodes');
  });

  test('the worker has no key of the CA and so no trustd; what it lacks it says', async () => {
    expect(await both.on(second).run('service', 'trustd')).toMatchObject({
      code: 1,
      stderr: 'service "trustd" is not registered on any nodes\n',
    });
  });

  test('with one of three dead the others answer at once, and it is named', async () => {
    expect(plain(await three.output('version')).match(/NODE:/g)).toHaveLength(3);
    await dying.stop('SIGKILL');
    const started = performance.now();
    const { code, stdout, stderr } = await three.run('version');
    expect(performance.now() - started).toBeLessThan(UNDELAYED_MILLISECONDS);
    expect([
      code,
      plain(stdout)
        .match(/NODE: {3}\S+/g)
        ?.sort(),
      stderr,
    ]).toEqual([0, ['NODE:   <first>', 'NODE:   <second>'], warning]);
    for (const args of [['service'], ['memory'], ['containers']]) {
      const result = await three.run(...args);
      expect([result.code, result.stderr, result.stdout.includes(second)]).toEqual([0, warning, true]);
    }
    for (const args of [
      ['list', '/var/tree'],
      ['get', 'services'],
    ]) {
      const result = await three.run(...args);
      expect([result.code, result.stderr, result.stdout.includes(second)]).toEqual([0, `${third}: ${dead}\n`, true]);
    }
    expect(await three.on(third).run('service')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `error listing services: 1 error occurred:\n\t* ${third}: ${dead}\n\n\n`,
    });
    const crashdump = await three.run('crashdump', '--control-plane-nodes', `${first},${third}`);
    expect(crashdump.stdout).toContain('> trustd\n');
  });

  describeWith([rootUser], 'beside a node that accepts and says nothing', () => {
    test('streams of the others flow, and after five seconds it is an error', async () => {
      const server = createServer(socket => socket.on('error', () => socket.destroy())).listen(50000, silent);
      await once(server, 'listening');
      cleanup.add(server, async () => server.close());
      const started = performance.now();
      const follow = both.on(first, silent).start('logs', 'machined', '-f', '--tail', '1');
      await follow.waitFor(({ stdout }) => stdout.includes(first));
      expect(performance.now() - started).toBeLessThan(UNDELAYED_MILLISECONDS);
      await follow.waitFor(({ stderr }) => stderr.includes('ERROR'));
      expect(performance.now() - started).toBeGreaterThan(4_000);
      expect((await follow.stop('SIGINT')).stderr).toContain('rpc error: code = Unavailable desc = connection error');
      const unary = await both.on(first, silent).run('version');
      expect([unary.code, unary.stdout.includes(first)]).toEqual([0, true]);
      expect(unary.stderr).toContain(`WARNING: 1 error occurred:\n\t* ${silent}: rpc error: code = Unavailable`);
    });
  });
});
