import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { createGzip, type Gzip, constants as zlib } from 'node:zlib';
import { osError, toError } from '../lib/errors.ts';
import type { NodePaths } from './paths.ts';
import { type TarMember, tarEnd, tarHeader, tarPadding } from './tar-header.ts';
import { apparentSize, type WalkEntry, walk } from './walk.ts';

/** How much of a file is read at a time, bytes. */
const READ_SIZE = 64 * 1024;

/** How much of the archive comes at a time at most, bytes. */
const CHUNK_SIZE = 32 * 1024;

/** An item that did not get into the archive, and why. */
export interface Skipped {
  readonly path: string;
  readonly message: string;
}

/**
 * The tree below `root`, or one file, as a tar.gz: spec/api.md §2.7, Copy. What can't be read is left out and goes to
 * `skipped`. No file is ever held as a whole; the reader's pace is the pace of the walk. Throws only when the root
 * can't be examined, or when `signal` aborts.
 */
export async function* archive(
  paths: NodePaths,
  root: string,
  skipped: Skipped[],
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const entries = walk(paths, root, signal ? { signal } : {});
  const first = await entries.next(); // a root that is not there must show before a single byte is sent
  if (first.done) return;
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: CHUNK_SIZE });
  const stop = () => void gzip.destroy(toError(signal?.reason));
  signal?.addEventListener('abort', stop, { once: true });
  const pumping = pump(tar(first.value, entries, skipped), gzip);
  try {
    for await (const chunk of gzip) yield chunk as Buffer;
  } finally {
    signal?.removeEventListener('abort', stop);
    gzip.destroy();
    await pumping;
  }
}

/** Feeds the pieces to `gzip` in full blocks; one block is reused, so each is waited for. Failures show on `gzip`. */
async function pump(pieces: AsyncIterable<Buffer>, gzip: Gzip): Promise<void> {
  let fail = (_: Error) => {};
  gzip.once('close', () => fail(new Error('the archive was closed'))); // else a write waits for a reader who has left
  const write = (bytes: Buffer) =>
    new Promise<void>((resolve, reject) => {
      fail = reject;
      gzip.write(bytes, error => (error ? reject(error) : resolve()));
    });
  const block = Buffer.allocUnsafe(READ_SIZE);
  let filled = 0;
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const copied = piece.copy(block, filled, at);
        at += copied;
        filled += copied;
        if (filled < block.length) continue;
        await write(block);
        filled = 0;
      }
    }
    await write(block.subarray(0, filled));
    gzip.end();
  } catch (error) {
    gzip.destroy(toError(error));
  }
}

/** The archive in pieces, each good until the next one is asked for. */
async function* tar(first: WalkEntry, rest: AsyncIterable<WalkEntry>, skipped: Skipped[]): AsyncGenerator<Buffer> {
  const scratch = Buffer.allocUnsafe(READ_SIZE);
  yield* memberOf(first, skipped, scratch);
  for await (const entry of rest) yield* memberOf(entry, skipped, scratch);
  yield tarEnd();
}

async function* memberOf(entry: WalkEntry, skipped: Skipped[], scratch: Buffer): AsyncGenerator<Buffer> {
  const skip = (message: string) => void skipped.push({ path: entry.path, message });
  const { stats } = entry;
  if (!stats) return skip(entry.error?.message ?? 'not examined');
  if (entry.depth === 0 && stats.isDirectory()) return;
  if (stats.isSocket()) return skip('archive/tar: sockets not supported');
  const member = describe(entry, stats);
  if (member.size === 0) return yield tarHeader(member);
  let file: FileHandle;
  try {
    file = await open(entry.host, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    return skip(osError('open', entry.path, error).message);
  }
  try {
    yield tarHeader(member);
    yield* exactly(file, member.size, entry.path, scratch, skip);
    yield tarPadding(member.size);
  } finally {
    await file.close();
  }
}

/** Exactly `size` bytes: a longer file is cut, a shorter one, and one that fails, is filled with zero bytes. */
async function* exactly(
  file: FileHandle,
  size: number,
  path: string,
  scratch: Buffer,
  skip: (message: string) => void,
): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    let bytesRead = 0;
    try {
      ({ bytesRead } = await file.read(scratch, 0, Math.min(left, scratch.length), null));
    } catch (error) {
      skip(osError('read', path, error).message);
    }
    if (bytesRead === 0) break;
    left -= bytesRead;
    yield scratch.subarray(0, bytesRead);
  }
  scratch.fill(0, 0, Math.min(left, scratch.length));
  for (; left > 0; left -= Math.min(left, scratch.length)) yield scratch.subarray(0, Math.min(left, scratch.length));
}

function describe(entry: WalkEntry, stats: Stats): TarMember {
  const common = {
    name: entry.relative,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: 0,
    modified: Math.floor(stats.mtimeMs / 1000),
  };
  if (stats.isFile()) return { ...common, type: 'file', size: apparentSize(entry) };
  if (stats.isDirectory()) return { ...common, type: 'folder', name: `${entry.relative}/` };
  if (stats.isSymbolicLink()) return { ...common, type: 'symlink', link: entry.link ?? '' };
  if (stats.isFIFO()) return { ...common, type: 'fifo' };
  const type = stats.isCharacterDevice() ? 'character-device' : 'block-device';
  return { ...common, type, ...deviceNumbers(stats.rdev) };
}

/** Major and minor number out of the kernel's packed form. */
function deviceNumbers(packed: number): { major: number; minor: number } {
  const device = BigInt(packed);
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
