import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, constants as zlib } from 'node:zlib';
import { osError } from '../lib/errors.ts';
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
  const entries = walk(paths, root, { ...(signal ? { signal } : {}) });
  const first = await entries.next(); // a root that is not there must show before a single byte is sent
  if (first.done) return;
  const gzip = createGzip({ level: zlib.Z_BEST_SPEED, chunkSize: CHUNK_SIZE });
  const source = Readable.from(tar(first.value, entries, skipped), { objectMode: false, highWaterMark: READ_SIZE });
  const stop = new AbortController();
  const done = pipeline(source, gzip, { signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal });
  // Until the output is read to its end a failure shows there; `done` below is for a reader that leaves early.
  const settled = done.then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    for await (const chunk of gzip) yield chunk as Buffer;
    await done;
  } finally {
    stop.abort();
    await settled;
  }
}

async function* tar(first: WalkEntry, rest: AsyncIterable<WalkEntry>, skipped: Skipped[]): AsyncGenerator<Buffer> {
  yield* memberOf(first, skipped);
  for await (const entry of rest) yield* memberOf(entry, skipped);
  yield tarEnd();
}

async function* memberOf(entry: WalkEntry, skipped: Skipped[]): AsyncGenerator<Buffer> {
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
    yield* exactly(file, member.size, entry.path, skip);
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
  skip: (message: string) => void,
): AsyncGenerator<Buffer> {
  let left = size;
  while (left > 0) {
    const buffer = Buffer.allocUnsafe(Math.min(left, READ_SIZE));
    try {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) break;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    } catch (error) {
      skip(osError('read', path, error).message);
      break;
    }
  }
  for (const zeros = Buffer.alloc(Math.min(left, READ_SIZE)); left > 0; left -= Math.min(left, zeros.length)) {
    yield zeros.subarray(0, Math.min(left, zeros.length));
  }
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
