import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, type TestNode, talosd } from './support/node.ts';
import { ANY_CLIENT, Talosctl } from './support/talosctl.ts';
import { until } from './support/until.ts';

const CTL = [process.execPath, ...talosd('ctl')];
const TRIAL_FILE = 'config.trial.json';

const cleanup = new Cleanup();
const [address = ''] = loopbackAddresses(1);
let state: string;
let node: TestNode;

const stateFile = (name: string) => join(state, 'system/state', name);
const onDisk = () => readFile(stateFile('config.yaml'), 'utf8');
const client = (program = ANY_CLIENT) => new Talosctl({ talosconfig: node.talosconfig, endpoint: address, program });
const inUse = () => client().output('get', 'mc', '-o', 'yaml');

/** The next start of the node on the same state folder. */
async function start(): Promise<void> {
  node = await cleanup.node({ listen: address, state });
  await node.waitForLog('boot sequence: done');
}

/** A file with the stored config changed at one path. */
async function variant(path: string, value: unknown): Promise<string> {
  const document = parseDocument(await onDisk());
  document.setIn(path.split('.'), value);
  const file = join(state, '..', 'variant.yaml');
  await writeFile(file, document.toString());
  return file;
}

beforeAll(async () => {
  state = join(await cleanup.folder('life'), 'state');
  await start();
});
afterAll(() => cleanup.run());

test('default mode starts the agent anew in the same process', async () => {
  const { pid } = node;
  const file = await variant('machine.kubelet.image', 'a:b');
  expect(await client().run('apply-config', '--file', file)).toMatchObject({ code: 0, stdout: '', stderr: '' });
  await node.waitForLog('boot sequence: done', 2);
  expect(await inUse()).toContain('image: a:b');
  expect({ onDisk: await onDisk(), pid: node.pid }).toEqual({ onDisk: await readFile(file, 'utf8'), pid });
});

test('a config on trial is still on trial after a crash, and is kept when confirmed then', async () => {
  const before = await onDisk();
  const file = await variant('cluster.network.dnsDomain', 'try.local');
  const ctl = client(CTL);
  expect(await ctl.output('apply-config', '--file', file, '--try', '1h')).toContain('on trial until');
  await until(inUse, text => text.includes('try.local'));
  expect(await client().run('apply-config', '--file', file)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/configuration \w+ is on trial until .*: confirm it/),
  });
  await node.stop('SIGKILL');
  expect(await readdir(join(state, 'system/state'))).toContain(TRIAL_FILE);

  await start();
  expect(await ctl.output('why', 'configuration')).toMatch(/configuration +on trial/);
  expect(await inUse()).toContain('try.local');
  expect(await ctl.output('apply-config', '--confirm')).toMatch(new RegExp(`^${address}: kept \\w+\n$`));
  expect(await readdir(join(state, 'system/state'))).not.toContain(TRIAL_FILE);

  // One whose time is over while the agent is away is not what the next start begins with.
  const other = await variant('cluster.network.dnsDomain', 'late.local');
  expect(await ctl.output('apply-config', '--file', other, '--try', '1s')).toContain('on trial until');
  await node.stop('SIGKILL');
  await until(trialDeadline, deadline => deadline < Date.now());
  await start();
  expect(await inUse()).toContain('try.local');
  expect(await onDisk()).toBe(before.replace('dnsDomain: cluster.local', 'dnsDomain: try.local'));
});

/** Milliseconds since the epoch. */
async function trialDeadline(): Promise<number> {
  const record = JSON.parse(await readFile(stateFile(TRIAL_FILE), 'utf8')) as { deadline: number };
  return record.deadline;
}

test('a node that keeps no config, or has lost all that it kept, is the same node again', async () => {
  const credentials = await readFile(node.talosconfig, 'utf8');
  const document = parseDocument(await onDisk());
  document.set('persist', false);
  const file = join(state, '..', 'forgetful.yaml');
  await writeFile(file, document.toString());
  expect(await client().run('apply-config', '--file', file, '--immediate')).toMatchObject({ code: 0, stderr: '' });
  await node.stop();
  await start();
  expect(await inUse()).toContain('dnsDomain: cluster.local');

  await node.stop();
  await writeFile(stateFile('config.yaml'), 'machine: {');
  await writeFile(stateFile('config.last-known-good.yaml'), 'machine: {');
  await start();
  expect(await inUse()).toContain('dnsDomain: cluster.local');
  expect(node.log).toContain('the last-known-good config does not read either: ');
  expect(await readFile(stateFile('config.unreadable.yaml'), 'utf8')).toBe('machine: {');
  expect(await readFile(node.talosconfig, 'utf8')).toBe(credentials);
});

test('SIGTERM is a shutdown, in order and with exit code 0', async () => {
  const { code } = await node.stop('SIGTERM');
  expect(code).toBe(0);
  const places = [
    'shutdown via SIGTERM received',
    'shutdown sequence: 3 phase(s)',
    'service[apid](Finished): Service finished successfully',
    'task shutdown (1/1): starting',
  ].map(text => node.log.indexOf(text));
  expect(places).toEqual(places.filter(place => place >= 0).sort((a, b) => a - b));
});

test('reset is answered, empties the state folder and ends the node; the next start is a new cluster', async () => {
  await start();
  const ca = await readFile(node.talosconfig, 'utf8');
  expect(await client().run('reset', '--graceful=false')).toMatchObject({ code: 0, stderr: '' });
  expect(await node.end()).toMatchObject({ code: 0, stderr: expect.stringContaining('reset request received') });
  expect(await readdir(state)).toEqual([]);
  await start();
  expect(await readFile(node.talosconfig, 'utf8')).not.toBe(ca);
});
