import { mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { atomicWrite, ensureDir, exists, readFileIfExists, readFileLimited, removeFile } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'talosd-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a file is replaced as a whole with the mode asked for, and nothing is left behind', async () => {
  const path = join(folder, 'a.yaml');
  await atomicWrite(path, 'one');
  await atomicWrite(path, Buffer.from('two'), 0o644);
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  expect(await readdir(folder)).toEqual(['a.yaml']);
  const lost = join(folder, 'none/a');
  await expect(atomicWrite(lost, 'x')).rejects.toThrow(`write ${lost}: no such file or directory`);
  await ensureDir(join(folder, 'deep/er'), 0o700);
  expect((await stat(join(folder, 'deep/er'))).mode & 0o777).toBe(0o700);
  await removeFile(path);
  await removeFile(path);
  await symlink('nowhere', path);
  expect([await exists(path), await exists(lost)]).toEqual([true, false]);
});

test('reading is bounded, reads files that lie about their size and tells what is missing', async () => {
  expect((await readFileLimited('/proc/self/status')).toString()).toContain('Pid:');
  const path = join(folder, 'big');
  await atomicWrite(path, Buffer.alloc(10_000, 1));
  expect((await readFileLimited(path, 10_000)).length).toBe(10_000);
  await expect(readFileLimited(path, 9_999)).rejects.toMatchObject({ code: 'resource_exhausted' });
  await expect(readFileLimited(folder)).rejects.toThrow(`read ${folder}: is a directory`);
  await expect(readFileLimited('/none')).rejects.toMatchObject({
    code: 'not_found',
    message: 'open /none: no such file or directory',
  });
  expect(await readFileIfExists('/none')).toBeUndefined();
});
