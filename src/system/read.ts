import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { osError, TalosdError } from '../lib/errors.ts';
import { errnoOf } from './files.ts';
import type { NodePaths } from './paths.ts';

/** How much is read at a time, bytes. */
const READ_SIZE = 256 * 1024;

/** How much of it comes at a time at most, bytes. */
const CHUNK_SIZE = 32 * 1024;

/**
 * The bytes of a regular file (links followed) from its beginning to where it ends when the reader gets there; the
 * size that stat tells does not matter, so /proc and /sys work. A chunk is good until the next one is asked for. Throws `stat <path>: …`, `path must be a regular file`
 * and `open <path>: …` (spec/api.md §2.7, Read); a failure on the way (`read <path>: …`) goes to `onBroken` and is the end.
 */
export async function* readChunks(
  paths: NodePaths,
  path: string,
  onBroken: (error: TalosdError) => void,
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const host = await examine(paths, path);
  const file = await open(host, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: unknown) => {
      throw osError('open', path, error);
    },
  );
  const buffer = Buffer.allocUnsafe(READ_SIZE); // one for all: fresh ones would pile up faster than they are collected
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, READ_SIZE, null).catch((error: unknown) => {
        // A log of the kernel that has no more to say for now ends here instead of keeping a thread waiting.
        if (errnoOf(error) !== 'EAGAIN') onBroken(osError('read', path, error));
        return { bytesRead: 0 };
      });
      if (bytesRead === 0) return;
      for (let at = 0; at < bytesRead; at += CHUNK_SIZE) {
        yield buffer.subarray(at, Math.min(at + CHUNK_SIZE, bytesRead));
      }
    }
  } finally {
    await file.close();
  }
}

async function examine(paths: NodePaths, path: string): Promise<string> {
  const host = await hostPath(paths, path);
  const stats = await stat(host).catch((error: unknown) => {
    throw osError('stat', path, error);
  });
  if (!stats.isFile()) throw new TalosdError('unknown', 'path must be a regular file');
  return host;
}

/** Links are left to the kernel where the node's tree is the host's: some of /proc only it can follow. */
async function hostPath(paths: NodePaths, path: string): Promise<string> {
  if (paths.isIdentity) return paths.toHost(path);
  try {
    return (await paths.locate(await paths.resolve(path))).host;
  } catch (error) {
    throw osError('stat', path, (error as TalosdError).cause ?? error);
  }
}
