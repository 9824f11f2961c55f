import { stat } from 'node:fs/promises';
import { osError } from '../lib/errors.ts';
import { type Exec, execError } from './exec.ts';
import { isMissing } from './files.ts';

/** Mounting one file over another, so that a file of the system image shows other content without being written to. */
export interface BindMounts {
  /** Whether `target` shows `source`. */
  isBound(source: string, target: string): Promise<boolean>;
  bind(source: string, target: string): Promise<void>;
  /** Takes the topmost mount off `target`; who has the file open keeps it. */
  unbind(target: string): Promise<void>;
}

/** Bind mounts by the system's own programs. */
export function bindMounts(exec: Exec): BindMounts {
  const run = async (program: string, args: readonly string[]) => {
    const result = await exec(program, args);
    if (result.failed) throw execError(result);
  };
  return {
    isBound: async (source, target) => {
      const [a, b] = await Promise.all([identity(source), identity(target)]);
      return a !== undefined && a === b;
    },
    bind: (source, target) => run('mount', ['--bind', source, target]),
    unbind: target => run('umount', ['--lazy', target]),
  };
}

async function identity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw osError('stat', path, error);
  }
}
