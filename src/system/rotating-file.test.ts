import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RotatingFile, type RotatingReadOptions } from './rotating-file.ts';

let folder: string;
let path: string;
let errors: Error[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rotating-'));
  path = join(folder, 'state', 'audit.log');
  errors = [];
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  expect(errors).toEqual([]);
});

const create = (maxBytes = 1024) => new RotatingFile({ path, maxBytes, onError: error => errors.push(error) });

async function text(file: RotatingFile, options: RotatingReadOptions): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of file.read(options)) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('lines come back in order, the last n of them, across both generations; nothing else is kept', async () => {
  const file = create(100);
  const lines = Array.from({ length: 30 }, (_, index) => `line ${String(index).padStart(4, '0')}`); // 10 bytes each
  for (const line of lines) {
    file.append(line);
    await file.flush();
  }
  const kept = lines.slice(10); // 20 lines in two files of 100 bytes
  expect(await text(file, { tailLines: -1, follow: false })).toBe(`${kept.join('\n')}\n`);
  expect(await text(file, { tailLines: 13, follow: false })).toBe(`${lines.slice(-13).join('\n')}\n`);
  expect(await text(file, { tailLines: 1000, follow: false })).toBe(`${kept.join('\n')}\n`);
  expect(await text(file, { tailLines: 0, follow: false })).toBe('');
  for (const name of [path, `${path}.1`]) {
    const { mode, size } = await stat(name);
    expect([mode & 0o777, size]).toEqual([0o600, 100]);
  }
  await file.close();
});

test('a new process goes on where a crash cut the last line', async () => {
  const first = create();
  first.append('whole');
  await first.close();
  await appendFile(path, 'cut of');
  const second = create();
  second.append('next');
  await second.close();
  expect(await readFile(path, 'utf8')).toBe('whole\ncut of\nnext\n');
});

test('a follower sees the past it asked for, then every later line once, and ends with its signal', async () => {
  const file = create(64);
  for (const line of ['a', 'b', 'c']) file.append(line);
  const stop = new AbortController();
  let seen = '';
  const reading = (async () => {
    for await (const part of file.read({ tailLines: 2, follow: true, signal: stop.signal })) {
      seen += part.toString();
      if (seen.endsWith('last\n')) stop.abort();
    }
  })();
  await file.flush();
  const later = Array.from({ length: 20 }, (_, index) => `later ${index}`);
  for (const line of [...later, 'last']) {
    file.append(line);
    await file.flush();
  }
  await reading;
  expect(seen).toBe(`b\nc\n${later.join('\n')}\nlast\n`);
  await file.close();
});

test('followers end when the file closes; a file that cannot be written is reported', async () => {
  const file = create();
  const reading = text(file, { tailLines: -1, follow: true });
  file.append('x');
  await file.close();
  expect(await reading).toBe('x\n');

  const blocked = new RotatingFile({
    path: join(folder, 'not', 'a.log'),
    maxBytes: 10,
    onError: error => errors.push(error),
  });
  await writeFile(join(folder, 'not'), '');
  blocked.append('y');
  await expect(blocked.flush()).rejects.toThrow('not');
  expect(errors.splice(0)).toHaveLength(1);
});
