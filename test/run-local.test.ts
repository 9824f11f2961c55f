import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, talosd } from './support/node.ts';
import { type ProcessResult, RunningProcess, runProcess } from './support/process.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const folder = await cleanup.folder('run-refused');
const [address, other] = loopbackAddresses(2);
const refused = (stderr: string): ProcessResult => ({ code: 1, signal: undefined, stdout: '', stderr });
/** `talosd run` with a state folder that must not come into being. */
const run = async (...flags: string[]) => {
  const state = join(folder, 'state');
  const result = await runProcess(process.execPath, talosd('run', '--state', state, ...flags), {
    cwd: folder,
    env: { ...process.env, PLATFORM: 'local' },
  });
  expect(existsSync(state)).toBe(false);
  return result;
};

test('a node that cannot start says why in one go, ends, and leaves nothing behind', async () => {
  await writeFile(join(folder, 'broken.yaml'), 'machine:\n\ttype: init\n');
  await writeFile(join(folder, 'wrong.yaml'), 'machine: {type: wroker, x: 1}\ncluster: {}\n');
  expect(await run('--config', 'none.yaml')).toEqual(refused('open none.yaml: no such file or directory\n'));
  expect(await run('--config', 'broken.yaml')).toEqual(
    refused('broken.yaml:2:1: decode error: yaml: line 2: Tabs are not allowed as indentation\n'),
  );
  expect(await run('--config', 'wrong.yaml')).toEqual(
    refused(
      `note: wrong.yaml:1:25: machine.x: unknown key
2 errors occurred:
\t* cluster controlplane endpoint is required (wrong.yaml:2:1: cluster.controlPlane.endpoint)
\t* unknown machine type "wroker": expected one of init, controlplane, join, worker (wrong.yaml:1:17: machine.type)


`,
    ),
  );
  // TEST-NET-3: nobody's own address
  expect(await run('--listen', '203.0.113.7')).toEqual(
    refused('listen tcp 203.0.113.7:50000: cannot assign requested address\n'),
  );
  expect(await run('--listen', address!, '--state', '/proc/x')).toEqual(
    refused('mkdir /proc/x: no such file or directory\n'),
  );
}, 60_000);

test('a second node on the same address ends with a hint; the first goes on', async () => {
  const node = await cleanup.node({ listen: other!, state: await cleanup.folder('run-first') });
  expect(await run('--listen', other!)).toEqual(
    refused(
      `listen tcp ${other}:50000: address already in use (is a node running there? another one takes --listen 127.0.0.2 --state DIR)\n`,
    ),
  );
  expect((await runProcess(process.execPath, talosd('ctl', 'version', '--talosconfig', node.talosconfig))).code).toBe(
    0,
  );
}, 90_000);

test('a node on a given config says with which credentials it is reached, and so it is', async () => {
  const made = await runProcess(process.execPath, talosd('gen', 'config', 'c', 'https://h:6443', '-o', 'demo'), {
    cwd: folder,
  });
  expect(made.code).toBe(0);
  const [listen] = loopbackAddresses(1);
  const flags = ['--listen', listen!, '--state', 'demo/state', '--config', 'demo/controlplane.yaml'];
  const node = new RunningProcess(process.execPath, talosd('run', ...flags), { cwd: folder });
  cleanup.add(node, running => running.stop());
  await node.waitFor(({ stdout }) => stdout.includes('Ctrl-C'), 60_000);
  const typed = /^ {2}npx talosd (ctl .* version)$/m.exec(node.stdout)?.[1];
  expect(typed).toBe(`ctl --talosconfig demo/talosconfig -e ${listen} -n ${listen} version`);
  const answer = await runProcess(process.execPath, talosd(...typed!.split(' ')), { cwd: folder });
  expect(answer).toMatchObject({ code: 0, stdout: expect.stringContaining(`NODE:        ${listen}\n`) });
}, 90_000);
