import { createHash, randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { extractArchive, type Skipped } from './extract.ts';

let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'talosd-extract-'));
  folder = join(root, 'to');
  mkdirSync(folder);
  mkdirSync(join(root, 'outside'));
});
afterEach(() => rmSync(root, { recursive: true }));

const file = (name: string, body = 'text', mode = 0o640): TarEntry => ({
  header: { name, size: Buffer.byteLength(body), type: 'file', mode },
  body,
});
const directory = (name: string, mode = 0o755): TarEntry => ({ header: { name, size: 0, type: 'directory', mode } });
const link = (name: string, linkname: string): TarEntry => ({ header: { name, size: 0, type: 'symlink', linkname } });

async function extract(entries: TarEntry[]): Promise<Skipped[]> {
  const bytes = gzipSync(await packTar(entries));
  const chunks = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, at) =>
    bytes.subarray(at * 100, at * 100 + 100),
  );
  const skipped: Skipped[] = [];
  await extractArchive(Readable.from(chunks, { objectMode: false }), folder, each => skipped.push(each));
  return skipped;
}

describe('an archive of a node', () => {
  test('files, folders and links arrive as they were, without set-id bits', async () => {
    const skipped = await extract([
      directory('locked/', 0o500),
      file('locked/a', 'inner', 0o4755),
      link('mtab', '/proc/mounts'),
      file('deep/without/folders', 'x'),
      { header: { name: 'null', size: 0, type: 'character-device' } },
      { header: { name: 'hard', size: 0, type: 'link', linkname: '../../etc/passwd' } },
    ]);
    expect(skipped).toEqual([
      { name: 'null', reason: 'character-device is not copied' },
      { name: 'hard', reason: 'link is not copied' },
    ]);
    expect(readdirSync(folder).sort()).toEqual(['deep', 'locked', 'mtab']);
    expect(readFileSync(join(folder, 'locked/a'), 'utf8')).toBe('inner');
    expect([statSync(join(folder, 'locked')).mode & 0o7777, statSync(join(folder, 'locked/a')).mode & 0o7777]).toEqual([
      0o500, 0o755,
    ]);
    expect(readlinkSync(join(folder, 'mtab'))).toBe('/proc/mounts');
  });

  test('a large file arrives whole', async () => {
    const body = randomBytes(3_000_000).toString('latin1');
    await extract([file('big', body)]);
    const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(digest(readFileSync(join(folder, 'big')))).toBe(digest(Buffer.from(body)));
  });

  test.each<[string, TarEntry[], string]>([
    ['a name above the folder', [file('../evil')], 'refusing to extract "../evil": the name leads out of the folder'],
    ['a name that climbs later', [file('a/../../evil')], 'refusing to extract "a/../../evil"'],
    ['an absolute name', [file('/tmp/evil')], 'refusing to extract "/tmp/evil": the name is absolute'],
    ['a file below a link', [link('l', '../outside'), file('l/evil')], 'refusing to extract "l/evil"'],
    ['a folder below a link', [link('l', '../outside'), directory('l/evil/')], 'refusing to extract "l/evil"'],
    ['a link below a link', [link('l', '../outside'), link('l/evil', 'x')], 'refusing to extract "l/evil"'],
    [
      'a deep file below a link',
      [directory('d/'), link('d/l', '../../outside'), file('d/l/e/vil')],
      'refusing to extract',
    ],
    ['a file in the place of a link', [link('l', '../outside/evil'), file('l')], 'file exists'],
    ['a folder in the place of a link', [link('l', '../outside'), directory('l/')], 'file exists'],
    ['the same file twice', [file('a'), file('a', 'other')], 'file exists'],
  ])('%s ends the copy', async (_name, entries, message) => {
    await expect(extract(entries)).rejects.toThrow(message);
    expect(readdirSync(join(root, 'outside'))).toEqual([]);
    expect(readdirSync(root).sort()).toEqual(['outside', 'to']);
  });

  test('links that were there already are not followed either', async () => {
    symlinkSync('../outside', join(folder, 'l'));
    writeFileSync(join(folder, 'mine'), 'precious');
    await expect(extract([file('l/evil')])).rejects.toThrow('refusing to extract "l/evil"');
    await expect(extract([file('mine')])).rejects.toThrow(`open ${join(folder, 'mine')}: file exists`);
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('precious');
    expect(lstatSync(join(folder, 'l')).isSymbolicLink()).toBe(true);
  });

  test('damage is told in one line', async () => {
    const whole = gzipSync(await packTar([file('a', 'x'.repeat(5000))]));
    const run = (bytes: Buffer) => extractArchive(Readable.from([bytes], { objectMode: false }), folder, () => {});
    await expect(run(whole.subarray(0, whole.length - 20))).rejects.toThrow(/^the archive is damaged: .+$/);
    await expect(run(Buffer.from('no gzip at all'))).rejects.toThrow(/^the archive is damaged: .+$/);
    await expect(run(gzipSync(Buffer.alloc(2000, 'x')))).rejects.toThrow(/^the archive is damaged: .+$/);
  });
});
