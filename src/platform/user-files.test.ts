import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MachineFile } from '../config/schema/machine.ts';
import { NodePaths } from '../system/paths.ts';
import { planFiles } from './plan-files.ts';
import { UserFiles } from './user-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'));
});
afterEach(() => rm(folder, { recursive: true }));

const file = (op: string, path: string, content: string, permissions = 0o644): MachineFile => ({
  op,
  path,
  content,
  permissions,
});
const noMounts = {
  isBound: async () => false,
  bind: async () => Promise.reject(new Error('mounted')),
  unbind: async () => Promise.reject(new Error('unmounted')),
};

/** One start of a node of platform `local`: what `machine.files` leaves at each path. */
async function start(...files: MachineFile[]): Promise<{ failure: string; read(path: string): Promise<string> }> {
  const paths = NodePaths.local(folder);
  const failure = await new UserFiles({ paths, mounts: noMounts }).write({ machine: { files } }).then(
    () => '',
    (error: Error) => error.message,
  );
  return { failure, read: path => readFile(paths.toHost(path), 'utf8') };
}

test('an append happens once however often the node starts', async () => {
  const grown = join(folder, 'var/lib/grown');
  await mkdir(dirname(grown), { recursive: true });
  await writeFile(grown, 'base');
  const append = file('append', '/var/lib/grown', 'mine', 0o600);
  for (let round = 0; round < 3; round++) {
    const { failure, read } = await start(append);
    expect({ failure, content: await read('/var/lib/grown') }).toEqual({ failure: '', content: 'base\nmine' });
  }
  expect((await stat(grown)).mode & 0o777).toBe(0o600);

  // Other text in the config takes the place of the old.
  expect(await (await start(file('append', '/var/lib/grown', 'other'))).read('/var/lib/grown')).toBe('base\nother');
  // What somebody else adds meanwhile stays.
  await writeFile(grown, 'base\nother\ntheirs');
  expect(await (await start(file('append', '/var/lib/grown', 'other'))).read('/var/lib/grown')).toBe(
    'base\nother\ntheirs',
  );
  // What somebody else puts there instead is what is appended to.
  await writeFile(grown, 'fresh');
  for (let round = 0; round < 2; round++)
    expect(await (await start(file('append', '/var/lib/grown', 'other'))).read('/var/lib/grown')).toBe('fresh\nother');
});

test('entries for one path follow each other, and start over each time', async () => {
  const entries = [file('create', '/var/a/b', 'one'), file('append', '//var/a/../a/b', 'two', 0o400)];
  for (let round = 0; round < 2; round++) {
    const { failure, read } = await start(...entries);
    expect({ failure, content: await read('/var/a/b') }).toEqual({ failure: '', content: 'one\ntwo' });
  }
  expect((await stat(join(folder, 'var/a/b'))).mode & 0o777).toBe(0o400);
});

test('a guest keeps files of the system in its state folder and shows them under their path', async () => {
  const host = await readFile('/etc/hosts', 'utf8');
  for (let round = 0; round < 2; round++) {
    const { failure, read } = await start(file('append', '/etc/hosts', '10.0.0.1 a'));
    expect({ failure, content: await read('/etc/hosts') }).toEqual({ failure: '', content: `${host}\n10.0.0.1 a` });
  }
  expect(await readFile('/etc/hosts', 'utf8')).toBe(host);
});

test('what cannot be written is said for each file; the others are there', async () => {
  const { failure, read } = await start(
    file('append', '/var/none', 'a'),
    file('overwrite', '/etc', 'a'),
    file('remove', '/var/b', 'a'),
    file('create', '/var/c', 'c'),
  );
  expect(failure).toBe(
    '3 errors occurred:\n' +
      '\t* unknown operation for file "/var/b": "remove"\n' +
      '\t* file must exist: "/var/none"\n' +
      '\t* invalid mode: "drwxr-xr-x"\n\n',
  );
  expect(await read('/var/c')).toBe('c');
});

test('nothing is created outside /var, whatever the path looks like', () => {
  for (const path of ['/etc/a', '/var/../etc/a', 'var', '/variable/a', '/etc/kubernetes/manifests/a/b']) {
    expect(() => planFiles([file('create', path, '')])).toThrow(
      `create operation not allowed outside of /var: "${path}"`,
    );
  }
  const places = (...paths: string[]) => planFiles(paths.map(path => file('overwrite', path, ''))).files;
  expect(
    places('/var/a', 'var/b', '/etc/kubernetes/manifests/a', '/etc/c').map(({ path, place }) => [path, place]),
  ).toEqual([
    ['/var/a', 'direct'],
    ['/var/b', 'direct'],
    ['/etc/kubernetes/manifests/a', 'direct'],
    ['/etc/c', 'over-system'],
  ]);
});
