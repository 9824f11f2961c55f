import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing. `recursive` of Node's own mkdir never comes back where a file
 * system takes no folders at all, as below /proc.
 */
export async function makeFolders(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeFolders(dirname(path), mode);
      await mkdir(path, mode).catch(unlessFolder(path));
    } else await unlessFolder(path)(error);
  }
}

/** Lets pass that a folder is there already, also one made meanwhile by somebody else. */
function unlessFolder(path: string): (error: unknown) => Promise<void> {
  return async error => {
    const isFolder = (error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory();
    if (!isFolder) throw error;
  };
}
