import { open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { osError } from '../lib/errors.ts';
import { makeFolders } from '../lib/make-folders.ts';
import type { Io } from './command.ts';

/** Reads a file named on the command line; errors read `open <path>: <why>`. */
export async function readInput(io: Io, path: string): Promise<Buffer> {
  try {
    // An empty name is no file, not the current folder.
    return await readFile(path === '' ? '' : resolve(io.cwd, path));
  } catch (error) {
    throw osError('open', path, error);
  }
}

/** Writes a file that holds secrets: mode 0600, also where it was there before with another one. */
export async function writeSecret(io: Io, path: string, text: string | Uint8Array): Promise<void> {
  const absolute = resolve(io.cwd, path);
  try {
    const file = await open(absolute, 'w', 0o600);
    try {
      await file.chmod(0o600);
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw osError('open', path, error);
  }
}

/** Makes a folder and its parents. */
export async function ensureFolder(io: Io, path: string): Promise<void> {
  try {
    await makeFolders(resolve(io.cwd, path));
  } catch (error) {
    throw osError('mkdir', path, error);
  }
}
