import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { unpackTar } from 'modern-tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Data } from '../../gen/common/common.ts';
import type { DiskUsageRequest, ListRequest } from '../../gen/machine/machine.ts';
import { silentLogger } from '../../lib/logger.ts';
import { NodePaths } from '../../system/paths.ts';
import { tarEnd, tarHeader, tarPadding } from '../../system/tar-header.ts';
import type { CallContext } from '../handler.ts';
import { fileHandlers } from './files.ts';

const never = new AbortController().signal;
const peer = { address: '', subject: '', serial: '' };
const context: CallContext = { signal: never, peer, nodeCount: 1, callId: '', afterReply: () => {} };
const files = fileHandlers({ paths: NodePaths.identity(), logger: silentLogger });
const isRoot = process.getuid?.() === 0;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'talosd-tree-'));
  mkdirSync(join(root, 'b/deep/er'), { recursive: true });
  mkdirSync(join(root, 'empty'));
  writeFileSync(join(root, 'a.txt'), 'hello', { mode: 0o644 });
  writeFileSync(join(root, 'b/deep/er/leaf'), 'x'.repeat(1000));
  writeFileSync(join(root, 'b.txt'), '');
  symlinkSync('b/deep', join(root, 'link'));
  utimesSync(join(root, 'a.txt'), 1_600_000_000.9, 1_600_000_000.9);
  utimesSync(join(root, 'b.txt'), new Date(-1500), new Date(-1500));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const list = (request: Partial<ListRequest>, handlers = files) =>
  all(handlers.list({ root, recurse: false, recursionDepth: 0, types: [], ...request }, context));
const names = async (request: Partial<ListRequest>) => (await list(request)).map(file => file.relativeName);
const usage = async (request: Partial<DiskUsageRequest>, handlers = files) =>
  all(handlers.diskUsage({ recursionDepth: 0, all: false, threshold: 0n, paths: [root], ...request }, context));

const EVERYTHING = ['.', 'a.txt', 'b', 'b/deep', 'b/deep/er', 'b/deep/er/leaf', 'b.txt', 'empty', 'link'];

test('List: order, depth and types', async () => {
  expect(await names({})).toEqual(['.', 'a.txt', 'b', 'b.txt', 'empty', 'link']);
  expect(await names({ recurse: true })).toEqual(EVERYTHING);
  expect(await names({ recurse: true, recursionDepth: 2 })).toEqual([
    '.',
    'a.txt',
    'b',
    'b/deep',
    'b.txt',
    'empty',
    'link',
  ]);
  expect(await names({ recurse: true, types: [1] })).toEqual(['.', 'b', 'b/deep', 'b/deep/er', 'empty']);
  expect(await names({ types: [0] })).toEqual(['a.txt', 'b/deep/er/leaf', 'b.txt']);
  expect(await names({ types: [2, 0], recurse: true, root: join(root, 'b') })).toEqual(['deep/er/leaf']);
  expect(await names({ root: join(root, 'a.txt') })).toEqual(['a.txt']);
});

test('List: every field, and a root that is a link', async () => {
  const byName = new Map((await list({})).map(file => [file.relativeName, file]));
  const none = { metadata: undefined, error: '', link: '', isDir: false };
  expect(byName.get('a.txt')).toEqual({
    ...none,
    name: join(root, 'a.txt'),
    relativeName: 'a.txt',
    size: 5n,
    mode: 0o644,
    modified: 1_600_000_000n,
  });
  expect(byName.get('b.txt')).toMatchObject({ size: 0n, modified: -2n });
  expect(byName.get('link')).toMatchObject({ link: 'b/deep', mode: 0x08000000 + 0o777, size: 6n });
  expect(byName.get('.')).toMatchObject({ name: root, isDir: true, mode: 0x80000000 + 0o700 });
  const linked = await list({ root: join(root, 'link/') });
  expect(linked.map(file => file.name)).toEqual([join(root, 'b/deep'), join(root, 'b/deep/er')]);
  expect((await list({ root: '/dev/null' }))[0]).toMatchObject({ mode: 0x04200000 + 0o666, relativeName: 'null' });
  expect((await list({ root: '/tmp' }))[0]!.mode).toBe(0x80100000 + 0o777);
  await expect(list({ root: '/var/lib/none/at/all' })).rejects.toThrow(
    'lstat /var/lib/none/at/all: no such file or directory',
  );
});

test('List: more files than one batch, and a caller who leaves', async () => {
  for (let index = 0; index < 1000; index++) writeFileSync(join(root, 'empty', String(index).padStart(4, '0')), '');
  const found = await names({ recurse: true });
  expect(found).toHaveLength(EVERYTHING.length + 1000);
  expect(found.slice(-3)).toEqual(['empty/0998', 'empty/0999', 'link']);
  const stop = new AbortController();
  const request = { root: '/', recurse: true, recursionDepth: 0, types: [] };
  const endless = files.list(request, { ...context, signal: stop.signal })[Symbol.asyncIterator]();
  await endless.next();
  stop.abort();
  await expect(endless.next()).rejects.toThrow('aborted');
});

test('List and DiskUsage on a local node: what lives in the state folder shows under its node path', async () => {
  mkdirSync(join(root, 'system/state'), { recursive: true });
  mkdirSync(join(root, 'var'), { recursive: true });
  writeFileSync(join(root, 'system/state/config.yaml'), 'version: v1alpha1\n');
  const local = fileHandlers({ paths: NodePaths.local(root), logger: silentLogger });
  expect((await list({ root: '/system', recurse: true }, local)).map(file => file.name)).toEqual([
    '/system',
    '/system/state',
    '/system/state/config.yaml',
  ]);
  const top = (await list({ root: '' }, local)).map(file => file.name);
  expect(top.slice(0, 1)).toEqual(['/']);
  expect(top).toEqual(expect.arrayContaining(['/etc', '/system', '/var']));
  expect(await list({ root: '/var' }, local)).toMatchObject([{ name: '/var' }]);
  await expect(list({ root: '/var/lib' }, local)).rejects.toThrow('lstat /var/lib: no such file or directory');
  const [file] = await usage({ paths: ['/system/state/config.yaml'], all: true }, local);
  expect(file).toMatchObject({ name: '/system/state/config.yaml', relativeName: 'config.yaml', size: 18n });
  expect(String((await all(local.read({ path: '/system/state/config.yaml' }, context)))[0]!.bytes)).toBe(
    'version: v1alpha1\n',
  );
  await expect(all(local.read({ path: '/var/none' }, context))).rejects.toThrow(
    'stat /var/none: no such file or directory',
  );
});

test('DiskUsage: sums, depth, thresholds, several paths, a path that is not there', async () => {
  const rows = await usage({ all: true });
  const size = new Map(rows.map(row => [row.relativeName, Number(row.size)]));
  const own = (path: string) => Number(execFileSync('stat', ['-c', '%s', join(root, path)]).toString());
  expect([...size.keys()]).toEqual([
    'a.txt',
    'b/deep/er/leaf',
    'b/deep/er',
    'b/deep',
    'b',
    'b.txt',
    'empty',
    'link',
    '.',
  ]);
  expect(size.get('b')).toBe(1000 + own('b') + own('b/deep') + own('b/deep/er'));
  const firstLevel = (await usage({ all: true, recursionDepth: 2 })).map(row => Number(row.size));
  expect(firstLevel.at(-1)).toBe(firstLevel.slice(0, -1).reduce((a, b) => a + b, 0) + own('.'));
  const relative = async (request: Partial<DiskUsageRequest>) => (await usage(request)).map(row => row.relativeName);
  expect(await relative({ recursionDepth: 1 })).toEqual(['.']);
  expect(await relative({ all: true, threshold: 1000n, recursionDepth: 2 })).toEqual(['b', 'empty', '.']);
  expect(await relative({ all: true, threshold: -10n })).toEqual(['a.txt', 'b.txt', 'link']);
  expect(await relative({ paths: [] })).toEqual([]);
  expect(await relative({ paths: [join(root, 'a.txt')] })).toEqual([]);
  expect(
    await usage({ paths: ['/this/is/going/to/fail', join(root, 'empty'), 'proc/kcore'], all: true }),
  ).toMatchObject([
    {
      name: '/this/is/going/to/fail',
      relativeName: '/this/is/going/to/fail',
      error: 'lstat /this/is/going/to/fail: no such file or directory',
    },
    { name: join(root, 'empty'), relativeName: '.', error: '' },
    { name: '/proc/kcore', size: 0n },
  ]);
});

test('Read: pieces of at most 32 KiB, files of unknown size, errors', async () => {
  const big = Buffer.alloc(300_000, 'abc');
  writeFileSync(join(root, 'big'), big);
  const read = async (path: string) => {
    const pieces: { bytes: Buffer }[] = [];
    for await (const { bytes } of files.read({ path }, context)) pieces.push({ bytes: Buffer.from(bytes) });
    return pieces;
  };
  const pieces = await read(join(root, 'big'));
  expect(Buffer.concat(pieces.map(piece => piece.bytes)).equals(big)).toBe(true);
  expect(Math.max(...pieces.map(piece => piece.bytes.length))).toBe(32 * 1024);
  expect(await read(join(root, 'b.txt'))).toEqual([]);
  expect(String((await read('/proc/sys/kernel/random/boot_id'))[0]!.bytes)).toMatch(/^[0-9a-f-]{36}\n$/);
  expect(String((await read('proc/self/status'))[0]!.bytes)).toContain('Pid:');
  expect(String((await read(join(root, 'link/er/leaf')))[0]!.bytes)).toBe('x'.repeat(1000));
  await expect(read('/nonexistent')).rejects.toThrow('stat /nonexistent: no such file or directory');
  await expect(read('/etc')).rejects.toThrow('path must be a regular file');
  await expect(read('/dev/null')).rejects.toThrow('path must be a regular file');
});

const copy = (rootPath: string) => all(files.copy({ rootPath }, context));
const unpack = (parts: Data[]) => unpackTar(gunzipSync(Buffer.concat(parts.map(part => part.bytes))), { strict: true });

test('Copy: an archive that tar reads, names below the root, links kept, order of the walk', async () => {
  const long = `long-${'ä'.repeat(120)}`;
  writeFileSync(join(root, long), 'long');
  linkSync(join(root, 'a.txt'), join(root, 'hard'));
  if (isRoot) lchownSync(join(root, 'a.txt'), 3_000_000, 65_534);
  chmodSync(join(root, 'a.txt'), 0o4750);
  const entries = await unpack(await copy(root));
  expect(entries.map(({ header }) => header.name)).toEqual([
    'a.txt',
    'b/',
    'b/deep/',
    'b/deep/er/',
    'b/deep/er/leaf',
    'b.txt',
    'empty/',
    'hard',
    'link',
    long,
  ]);
  const header = (name: string) => entries.find(entry => entry.header.name === name)!.header;
  expect(header('a.txt')).toMatchObject({ size: 5, mode: 0o4750, mtime: new Date(1_600_000_000_000), type: 'file' });
  if (isRoot) expect(header('a.txt')).toMatchObject({ uid: 3_000_000, gid: 65_534 });
  expect(header('link')).toMatchObject({ type: 'symlink', linkname: 'b/deep' });
  expect(Buffer.from(entries.find(entry => entry.header.name === long)!.data!).toString()).toBe('long');
  const [single] = await unpack(await copy(join(root, 'link/er/leaf')));
  expect(single!.header).toMatchObject({ name: 'leaf', size: 1000 });
  const tar = gunzipSync(Buffer.concat((await copy('/dev')).map(part => part.bytes)));
  expect(execFileSync('tar', ['tvf', '-'], { input: tar }).toString()).toMatch(/^crw.* 1,3 .* null$/m);
});

test('Copy: what can not be read is skipped and told at the end; short files are filled; a lost root is data', async () => {
  const server = createServer().listen(join(root, 'b/socket'));
  await new Promise(resolve => server.once('listening', resolve));
  const parts = await copy(root);
  server.close();
  expect(parts.at(-1)!.metadata!.error).toBe(
    `1 error occurred:\n\t* skipping "${root}/b/socket": archive/tar: sockets not supported\n\n`,
  );
  expect((await unpack(parts.slice(0, -1))).map(({ header }) => header.name)).toContain('b/deep/');
  const [short] = await unpack(await copy('/sys/kernel/mm/transparent_hugepage/enabled'));
  expect(short!.data).toHaveLength(4096);
  expect(await copy('/nonexistent')).toEqual([
    {
      metadata: { hostname: '', error: 'lstat /nonexistent: no such file or directory', status: undefined },
      bytes: Buffer.alloc(0),
    },
  ]);
  await expect(copy('relative')).rejects.toThrow('path is not absolute relative');
});

test('Copy: a reader who leaves stops the work', async () => {
  writeFileSync(join(root, 'sparse'), '');
  truncateSync(join(root, 'sparse'), 2 ** 40);
  for await (const part of files.copy({ rootPath: join(root, 'sparse') }, context)) {
    expect(part.bytes.length).toBeLessThanOrEqual(32 * 1024);
    break;
  }
});

test('tar headers hold any name, link, size and owner', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }).filter(name => !/[\0/\n]/.test(name));
  const owner = fc.integer({ min: 0, max: 2 ** 32 - 2 });
  const time = fc.integer({ min: -(2 ** 31), max: 2 ** 33 });
  await fc.assert(
    fc.asyncProperty(text, text, owner, owner, time, async (name, link, uid, gid, modified) => {
      const member = { name, link, uid, gid, modified, mode: 0o640, size: 0 };
      const archive = Buffer.concat([tarHeader({ ...member, type: 'symlink' }), tarPadding(0), tarEnd()]);
      const [entry] = await unpackTar(archive, { strict: true });
      expect(entry!.header).toMatchObject({ name, linkname: link, uid, gid, mtime: new Date(modified * 1000) });
    }),
    { numRuns: 200 },
  );
});
