import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodePaths } from './paths.ts';

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'talosd-paths-'));
});
afterEach(() => rm(state, { recursive: true, force: true }));

test('identity: the node is the machine', async () => {
  const paths = NodePaths.identity();
  paths.addFile('/etc/extra');
  expect([paths.toHost('/var/lib/../log'), paths.toHost('etc'), paths.extraNames('/etc')]).toEqual([
    '/var/log',
    '/etc',
    [],
  ]);
  await symlink(state, join(state, 'self'));
  expect(await paths.resolve(join(state, 'self/self'))).toBe(state);
  await expect(paths.resolve(join(state, 'no/such'))).rejects.toThrow(
    `lstat ${join(state, 'no')}: no such file or directory`,
  );
});

test('local: /system, /var and registered files lie in the state folder, all else is the host', async () => {
  const paths = NodePaths.local(state);
  paths.addFile('/etc/nowhere-else/deep/file');
  paths.addFile('/var/lib/x');
  expect(
    ['/', '/system', '/systemd', '/var/lib/x', '/var/../etc', '/etc/nowhere-else/deep/file'].map(p => paths.toHost(p)),
  ).toEqual([
    '/',
    `${state}/system`,
    '/systemd',
    `${state}/var/lib/x`,
    '/etc',
    `${state}/files/etc/nowhere-else/deep/file`,
  ]);
  expect([paths.extraNames('/'), paths.extraNames('/etc'), paths.extraNames('/etc/nowhere-else')]).toEqual([
    ['system', 'var', 'etc'],
    ['nowhere-else'],
    ['deep'],
  ]);
  await mkdir(join(state, 'files/etc/nowhere-else/deep'), { recursive: true });
  expect(await paths.locate('/etc')).toEqual({ real: '/etc', host: '/etc' });
  expect((await paths.locate('/etc/nowhere-else')).host).toBe(`${state}/files/etc/nowhere-else`);
});

test('local: links lead where the node would look', async () => {
  const paths = NodePaths.local(state);
  await mkdir(join(state, 'var/lib/data'), { recursive: true });
  await writeFile(join(state, 'var/lib/data/file'), 'x');
  await symlink('/var/lib', join(state, 'var/alias'));
  await symlink('../data/file', join(state, 'var/lib/data/rel'));
  await symlink('loop', join(state, 'var/loop'));
  expect(await paths.resolve('/var/alias/data/rel')).toBe('/var/lib/data/file');
  expect(await paths.resolve('/proc/mounts')).toBe(`/proc/${process.pid}/mounts`);
  expect(await paths.locate('/var/alias/data/rel')).toEqual({
    real: '/var/lib/data/rel',
    host: `${state}/var/lib/data/rel`,
  });
  await expect(paths.resolve('/var/loop')).rejects.toThrow('lstat /var/loop: too many levels of symbolic links');
  await expect(paths.resolve('/var/alias/none')).rejects.toThrow('lstat /var/lib/none: no such file or directory');
});
