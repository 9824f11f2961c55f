import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeFolders } from './make-folders.ts';

const root = await mkdtemp(join(tmpdir(), 'talosd-folders-'));
afterAll(() => rm(root, { recursive: true }));

test('missing folders are made, those that are there are fine, from several sides at once too', async () => {
  await makeFolders(join(root, 'a'));
  await Promise.all(['a/b/c/d', 'a/b/c/d', 'a/b/e'].map(path => makeFolders(join(root, path), 0o700)));
  expect((await stat(join(root, 'a/b/c/d'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(root, 'a/b/e'))).isDirectory()).toBe(true);
  await symlink('a', join(root, 'link'));
  await makeFolders(join(root, 'link'));
});

test('what is no folder, or takes none, is an error at once', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(makeFolders(join(root, 'file'))).rejects.toThrow('EEXIST');
  await expect(makeFolders(join(root, 'file/x/y'))).rejects.toThrow('ENOTDIR');
  await expect(makeFolders('/proc/talosd/x')).rejects.toThrow('ENOENT');
});
