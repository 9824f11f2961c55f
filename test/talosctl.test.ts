import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { RELEASE } from '../src/release.ts';
import { editYaml, generateCluster } from './support/cluster.ts';
import { DEFINITIONS, MEMORY_KEYS, makeTree } from './support/contents.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, type TestNode } from './support/node.ts';
import { startTimeServer } from './support/ntp.ts';
import { RunningProcess } from './support/process.ts';
import { describeWith, program, rootUser, talosctl } from './support/requires.ts';
import { cells, normalise, Talosctl } from './support/talosctl.ts';

const PARTS = ['apid', 'machined', 'networkd', 'routerd', 'trustd'];

/** Every reading command of the real client against one control plane node, whose config either side wrote. */
for (const tool of ['talosd', 'talosctl'] as const)
  describeWith([talosctl], `a node on a config of ${tool} gen config, and the real client`, () => {
    const cleanup = new Cleanup();
    const [address, timeServer] = loopbackAddresses(2) as [string, string];
    let node: TestNode;
    let client: Talosctl;
    let folder: string;
    let config: string;
    const plain = (text: string) => normalise(text, { [address]: '<node>' });
    const output = async (...args: string[]) => plain(await client.output(...args));

    beforeAll(async () => {
      folder = await cleanup.folder('talosctl');
      const files = await generateCluster(tool, join(folder, 'cluster'), address);
      config = files.controlplane;
      await editYaml(config, document => document.setIn(['machine', 'time'], { servers: [timeServer] }));
      await makeTree(join(folder, 'state', 'var', 'tree'));
      node = await cleanup.node({ listen: address, state: join(folder, 'state'), config });
      client = new Talosctl({ talosconfig: files.talosconfig, endpoint: address });
      await node.waitForLog('boot sequence: done');
    });
    afterAll(() => cleanup.run());

    test('version', async () => {
      const server = `	NODE:        <node>
	Tag:         v0.9.3
	SHA:         ${RELEASE.release}
	Built:       ${RELEASE.built}
	Go version:  node ${process.version}
	OS/Arch:     linux/${process.arch === 'x64' ? 'amd64' : process.arch}
`;
      const trimmed = server.replace(/ +$/gm, '').replace(/ {3,}/g, '   ');
      expect((await output('version')).split('\nServer:\n')[1]).toBe(`${trimmed}\n`);
      expect((await output('version', '--short')).split('Server:\n')[1]).toBe(`${trimmed}\n`);
    });

    test('service: all, one, none, and what cannot be done to it', async () => {
      expect(cells(await output('service'))).toEqual([
        ['NODE', 'SERVICE', 'STATE', 'HEALTH', 'LAST CHANGE', 'LAST EVENT'],
        ...PARTS.map(id =>
          id === 'machined'
            ? ['<node>', id, 'Running', '?', '<age> ago', 'Service started as goroutine']
            : ['<node>', id, 'Running', 'OK', '<age> ago', 'Health check successful'],
        ),
      ]);
      expect(await output('service', 'apid')).toBe(`NODE   <node>
ID   apid
STATE   Running
HEALTH   OK
EVENTS   [Running]: Health check successful (<age> ago)
   [Running]: Started task apid (PID <pid>) for container apid (<age> ago)
   [Preparing]: Creating service runner (<age> ago)
   [Preparing]: Running pre state (<age> ago)
   [Waiting]: Waiting for service "networkd" to be "up" (<age> ago)
`);
      expect(await client.run('service', 'nonexistent')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'service "nonexistent" is not registered on any nodes\n',
      });
      expect(await client.run('service', 'apid', 'stop')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `error starting service: 1 error occurred:
	* ${address}: rpc error: code = Unknown desc = service "apid" doesn't support stop operation via API\n\n\n`,
      });
      expect(await output('service', 'apid', 'start')).toBe('NODE   RESPONSE\n<node>   Service "apid" started\n');
    });

    test('list -l -r, by type, by depth, and of what is not there', async () => {
      const listing = cells(await output('list', '-l', '-r', '/var/tree'));
      const size = async (path: string) => String((await lstat(join(node.state, 'var/tree', path))).size);
      const day = 'Feb  3 2020 04:05';
      expect(listing).toEqual([
        ['NODE', 'MODE', 'SIZE(B)', 'LASTMOD', 'NAME'],
        ['<node>', 'drwxr-xr-x', await size('.'), ...day.split('  '), '.'],
        ['<node>', '-rw-r-----', '6', ...day.split('  '), 'file'],
        ['<node>', 'Lrwxrwxrwx', '4', ...day.split('  '), 'link -> file'],
        ['<node>', 'drwx------', await size('sub'), ...day.split('  '), 'sub'],
        ['<node>', '-rwxr-xr-x', '70000', ...day.split('  '), 'sub/big'],
      ]);
      const names = async (...args: string[]) => cells(await output('list', ...args, '/var/tree')).map(row => row[1]);
      expect(await names('-r', '-t', 'f,l')).toEqual(['NAME', 'file', 'link', 'sub/big']);
      expect(await names('-d', '1')).toEqual(['NAME', '.', 'file', 'link', 'sub']);
      expect(await client.run('list', '/nonexistent')).toMatchObject({
        code: 0,
        stderr: `${address}: rpc error: code = Unknown desc = lstat /nonexistent: no such file or directory\n`,
      });
    });

    test('usage', async () => {
      const { size } = await lstat(join(node.state, 'var/tree/sub'));
      const root = (await lstat(join(node.state, 'var/tree'))).size;
      const sub = size + 70_000;
      expect(cells(await output('usage', '--all', '/var/tree'))).toEqual([
        ['NODE', 'SIZE', 'NAME'],
        ['<node>', '6', 'file'],
        ['<node>', '4', 'link'],
        ['<node>', '70000', 'sub/big'],
        ['<node>', String(sub), 'sub'],
        ['<node>', String(root + 10 + sub), '.'],
      ]);
    });

    test('read: the bytes, or why not', async () => {
      expect(await client.output('read', '/var/tree/file')).toBe('hello\n');
      expect(await client.output('read', '/proc/version')).toBe(await readFile('/proc/version', 'utf8'));
      expect(await client.output('read', '/system/state/config.yaml')).toBe(await readFile(config, 'utf8'));
      expect(await client.run('read', '/nonexistent')).toMatchObject({
        code: 0,
        stdout: '',
        stderr: 'rpc error: code = Unknown desc = stat /nonexistent: no such file or directory\n',
      });
      expect(await client.run('read', '/proc')).toMatchObject({
        stderr: 'rpc error: code = Unknown desc = path must be a regular file\n',
      });
    });

    test('copy: into a folder, and as a tar.gz', async () => {
      const target = join(folder, 'copied');
      expect(await client.output('copy', '/var/tree', target)).toBe('');
      expect(await readFile(join(target, 'file'), 'utf8')).toBe('hello\n');
      expect(await readlink(join(target, 'link'))).toBe('file');
      const { mode, size } = await lstat(join(target, 'sub/big'));
      expect([mode & 0o777, size]).toEqual([0o755, 70_000]);
      const [name, ...args] = client.command('copy', '/var/tree', '-');
      const archive = gunzipSync(execFileSync(name, args));
      expect(execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' })).toBe(
        'file\nlink\nsub/\nsub/big\n',
      );
    });

    test('logs: so many lines, then what comes; each service has one, others none', async () => {
      for (let call = 0; call < 5; call++) await client.output('version');
      for (const proxy of ['apid', 'routerd']) {
        const tail = await client.output('logs', proxy, '--tail', '5');
        expect(tail.trimEnd().split('\n')).toEqual(
          Array.from({ length: 5 }, () =>
            expect.stringMatching(/^127\.[\d.]+: \d{4}\/.* log\.go:98: OK \[\/machine\./),
          ),
        );
      }
      const follow = client.start('logs', 'machined', '-f', '--tail', '3');
      await follow.waitFor(({ stdout }) => stdout.split('\n').length > 3);
      await client.output('memory');
      await follow.waitFor(({ stdout }) => stdout.includes('[/machine.MachineService/Memory]'));
      expect(await follow.stop('SIGINT')).toMatchObject({ code: 0 });
      for (const id of [...PARTS, 'controller-runtime', 'audit']) await client.output('logs', id);
      expect(await client.run('logs', 'nonexistent')).toMatchObject({
        stdout: '',
        stderr: 'ERROR: rpc error: code = Unknown desc = log "nonexistent" was not registered\n',
      });
    });

    test('events --tail', async () => {
      const follow = client.start('events', '--tail', '2');
      await follow.waitFor(({ stdout }) => stdout.split('\n').length > 3);
      const { code, stdout } = await follow.stop('SIGINT');
      expect([code, cells(plain(stdout))]).toEqual([
        0,
        [
          ['NODE', 'ID', 'EVENT', 'SOURCE', 'MESSAGE'],
          ['<node>', expect.any(String), 'talos/runtime/machine.PhaseEvent', 'startEverything', 'STOP'],
          ['<node>', expect.any(String), 'talos/runtime/machine.SequenceEvent', 'boot', 'STOP'],
        ],
      ]);
    });

    test('memory, processes, mounts', async () => {
      expect((await output('memory', '-v')).split('\n').map(line => line.split(':')[0])).toEqual(MEMORY_KEYS);
      const total = /MemTotal:\s+(\d+) kB/.exec(await readFile('/proc/meminfo', 'utf8'))?.[1] ?? '';
      expect(await output('memory', '-v')).toContain(`MemTotal: ${total} kB`);
      const [header, row] = cells(await output('memory'));
      expect(header).toEqual(['NODE', 'TOTAL', 'USED', 'FREE', 'SHARED', 'BUFFERS', 'CACHE', 'AVAILABLE']);
      expect([row?.[0], row?.[1]]).toEqual(['<node>', String(Math.trunc(Number(total) / 1024))]);

      const processes = (await client.output('processes')).split('\n');
      expect(processes[0]).toMatch(/^NODE +PID +STATE +THREADS +CPU-TIME +VIRTMEM +RESMEM +COMMAND$/);
      const mine = processes.find(line => line.split(/ +/)[1] === String(node.pid));
      expect(mine?.replace(/ +/g, ' ')).toMatch(
        new RegExp(
          `^${address} ${node.pid} [RS] \\d+ \\d+\\.\\d\\d [\\d.]+ [GM]B [\\d.]+ MB \\S+node (?:--\\S+ )*\\S+main.ts run `,
        ),
      );
      const mounts = cells(await output('mounts'));
      expect(mounts[0]?.slice(-2)).toEqual(['PERCENT USED', 'MOUNTED ON']);
      expect(mounts.slice(1).map(cell => cell.at(-1))).toContain('/');
    });

    test('stats and containers list the node’s own parts', async () => {
      const own = PARTS.filter(id => id !== 'machined');
      expect(cells(await output('containers'))).toEqual([
        ['NODE', 'NAMESPACE', 'ID', 'IMAGE', 'PID', 'STATUS'],
        ...own.map(id => ['<node>', 'system', id, `talos/${id}`, String(node.pid), 'RUNNING']),
      ]);
      expect(cells(await output('stats'))).toEqual([
        ['NODE', 'NAMESPACE', 'ID', 'MEMORY(MB)', 'CPU'],
        ...own.map(id => [
          '<node>',
          'system',
          id,
          expect.stringMatching(/^\d+\.\d\d$/),
          expect.stringMatching(/^\d{7,}$/),
        ]),
      ]);
      expect(await client.run('containers', '-k')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no container runtime on this node'),
      });
    });

    test('interfaces and routes', async () => {
      const interfaces = cells(await output('interfaces'));
      expect(interfaces[0]).toEqual(['NODE', 'INDEX', 'NAME', 'MAC', 'MTU', 'ADDRESS']);
      expect(interfaces).toContainEqual(['<node>', '1', 'lo', '65536', '127.0.0.1/8']);
      const routes = cells(await output('routes'));
      expect(routes[0]).toEqual(['NODE', 'INTERFACE', 'DESTINATION', 'GATEWAY', 'METRIC']);
      expect(routes).toContainEqual(['<node>', 'lo', '127.0.0.0/8', '0.0.0.0/32', '0']);
    });

    test('get: definitions, the config, services as they change', async () => {
      const definitions = cells(await output('get', 'rd'));
      expect(definitions).toEqual(
        expect.arrayContaining([
          ['NODE', 'NAMESPACE', 'TYPE', 'ID', 'VERSION'],
          ...DEFINITIONS.map(id => ['<node>', 'meta', 'ResourceDefinition', id, '1']),
        ]),
      );
      const text = await output('get', 'mc', '-o', 'yaml');
      expect(text.split('spec:')[0]).toBe(`node: <node>
metadata:
   namespace: config
   type: MachineConfigs.config.talos.dev
   id: v1alpha1
   version: 2
   phase: running
`);
      expect(parse(await client.output('get', 'mc', '-o', 'yaml')).spec).toMatchObject(
        parse(await readFile(config, 'utf8')),
      );
      expect(cells(await output('get', 'services'))).toEqual([
        ['NODE', 'NAMESPACE', 'TYPE', 'ID', 'VERSION', 'RUNNING', 'HEALTHY'],
        ...PARTS.map(id => ['<node>', 'runtime', 'Service', id, expect.any(String), 'true', String(id !== 'machined')]),
      ]);
      expect(await client.run('get', 'nonsense')).toMatchObject({
        stderr: `${address}: rpc error: code = NotFound desc = resource "nonsense" is not registered\n`,
      });
    });

    test('inspect dependencies', async () => {
      const graph = await client.output('inspect', 'dependencies');
      expect(graph).toMatch(/^digraph {2}\{\n[\s\S]*\n\}\n$/);
      const labels = new Map(
        [...graph.matchAll(/^\t(n\d+)\[.*?label="([^"]+)"/gm)].map(([, id, label]) => [id, label]),
      );
      const edges = [...graph.matchAll(/^\t(n\d+)->(n\d+)\[(?:label="([^"]+)",)?style="(\w+)"\]/gm)];
      expect(edges.map(([, from, to, label, style]) => [labels.get(from), labels.get(to), label, style])).toEqual(
        expect.arrayContaining([
          ['config:MachineConfigs.config.talos.dev', 'config.MachineTypeController', 'v1alpha1', 'dotted'],
          ['config.MachineTypeController', 'config:MachineTypes.config.talos.dev', undefined, 'bold'],
          ['v1alpha1.ServiceController', 'runtime:Services.v1alpha1.talos.dev', undefined, 'bold'],
        ]),
      );
    });

    test('crashdump', async () => {
      const text = await output('crashdump', '--control-plane-nodes', address);
      expect(text.startsWith(`\n<node>\n${'='.repeat(address.length)}\n\n`)).toBe(true);
      expect([...text.matchAll(/^> (\w+)\n-+\n\n/gm)].map(match => match[1])).toEqual(PARTS);
    });

    describeWith([program('script')], 'in a terminal', () => {
      test('dashboard shows the node until q is pressed', async () => {
        const command = client.command('dashboard', '-d', '500ms').join(' ');
        const [name, ...words] = ['script', '-qec', `stty rows 50 cols 200; ${command}`, '/dev/null'] as const;
        const screen = new RunningProcess(name, words, { input: 'pipe', env: { ...process.env, TERM: 'xterm' } });
        const polls = () => node.log.split('[/machine.MachineService/SystemStat]').length - 1;
        const before = polls();
        await screen.waitFor(({ stdout }) => stdout.includes(address) && polls() >= before + 8);
        screen.child.stdin?.end('q');
        const { code, stdout } = await screen.end();
        // The screen shows command lines of the whole host: the word alone may be one of theirs.
        expect([code, /panic:|rpc error/i.test(stdout)]).toEqual([0, false]);
      });
    });

    describeWith([rootUser], 'with a time server on port 123', () => {
      test('time: of the configured server, of another, and of none', async () => {
        await cleanup.add(await startTimeServer(timeServer, 30), async socket => socket.close());
        const [header, row] = cells(await client.output('time'));
        expect([header, row?.slice(0, 2)]).toEqual([
          ['NODE', 'NTP-SERVER', 'NODE-TIME', 'NTP-SERVER-TIME'],
          [address, timeServer],
        ]);
        expect(await output('time', '--check', timeServer)).toContain(timeServer);
        expect(await client.run('time', '--check', address)).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(
            /^error fetching time: 1 error occurred:\n\t\* \S+: rpc error: code = \w+ desc = /,
          ),
        });
      });
    });

    describeWith([{ name: '/dev/kmsg', met: existsSync('/dev/kmsg') }, rootUser], 'with the kernel log', () => {
      test('dmesg', async () => {
        const lines = (await client.output('dmesg')).trimEnd().split('\n');
        expect(lines.length).toBeGreaterThan(10);
        expect(lines[0]).toMatch(/^127\.[\d.]+: +\w+: +\w+: \[\d{4}-\d\d-\d\dT[\d:.]+Z\]: /);
      });
    });
  });
