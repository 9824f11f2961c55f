import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { osError, TalosdError } from '../lib/errors.ts';
import { makeFolders } from '../lib/make-folders.ts';

/** The errno name of a failed system call (`ENOENT`), also of one that a `TalosdError` was made of; if it is one. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof TalosdError) return errnoOf(thrown.cause);
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the failed call says that the file, or a folder on the way to it, is not there. */
export function isMissing(thrown: unknown): boolean {
  const code = errnoOf(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Replaces a file as a whole: temporary file in the same folder, fsync, rename, fsync of the folder. After a power cut
 * the file holds either the old bytes or the new ones. `mode` holds whatever the umask says; default 0600.
 */
export async function atomicWrite(path: string, bytes: Uint8Array | string, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path).slice(0, 200)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await open(temporary, 'wx', mode & 0o777);
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw osError('write', path, error);
  }
  await syncFolder(folder);
}

/** Makes renames, creations and removals in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes a file durably; a file that is not there is fine. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  if (await exists(dirname(path))) await syncFolder(dirname(path));
}

/** Removes everything in a folder, but not the folder, durably. */
export async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
  await syncFolder(folder);
}

/** Creates a folder and those above it; the folder itself gets exactly `mode`, also when it was there before. */
export async function ensureDir(path: string, mode = 0o755): Promise<void> {
  try {
    await makeFolders(path, mode);
    await chmod(path, mode);
  } catch (error) {
    throw osError('mkdir', path, error);
  }
}

/** Whether something, a dangling link too, has this name. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw osError('lstat', path, error);
  }
}

/**
 * A file's bytes, at most `limit` of them (default 16 MiB); a larger file is `resource_exhausted`, a missing one
 * `not_found`. Does not trust the size that stat tells, so it reads /proc and /sys too.
 */
export async function readFileLimited(path: string, limit = 16 * 1024 * 1024): Promise<Buffer> {
  const handle = await openForReading(path);
  try {
    return await readHandle(handle, path, limit);
  } finally {
    await handle.close();
  }
}

/** As `readFileLimited`, with undefined for a file that is not there. */
export async function readFileIfExists(path: string, limit?: number): Promise<Buffer | undefined> {
  try {
    return await readFileLimited(path, limit);
  } catch (error) {
    if (error instanceof TalosdError && error.code === 'not_found') return undefined;
    throw error;
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const shown = osError('open', path, error);
    throw isMissing(error) ? new TalosdError('not_found', shown.message, { cause: error }) : shown;
  }
}

async function readHandle(handle: FileHandle, path: string, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  for (let size = 4096; ; size = Math.min(size * 4, 1024 * 1024)) {
    const part = Buffer.allocUnsafe(size);
    const { bytesRead } = await handle.read(part, 0, size, null).catch((error: unknown) => {
      throw osError('read', path, error);
    });
    if (bytesRead === 0) return Buffer.concat(parts, total);
    total += bytesRead;
    if (total > limit) throw new TalosdError('resource_exhausted', `${path} is larger than ${limit} bytes`);
    parts.push(part.subarray(0, bytesRead));
  }
}
