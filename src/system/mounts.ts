import { stat, statfs } from 'node:fs/promises';
import type { MountStat } from '../gen/machine/machine.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { ProcFs } from './procfs.ts';

/** How long one file system may take to answer, milliseconds. */
const PATIENCE = 2000;

/**
 * The usage of every mounted folder: spec/api.md §2.4, Mounts. A file system that fails or does not answer (a dead
 * network share) is logged and left out; while its question is open it is not asked again, so it can never tie up
 * more than one thread.
 */
export class MountReader {
  readonly #proc: ProcFs;
  readonly #logger: Logger;
  readonly #patience: number;
  readonly #hanging = new Set<string>();

  constructor(proc: ProcFs, logger: Logger, patience = PATIENCE) {
    this.#proc = proc;
    this.#logger = logger;
    this.#patience = patience;
  }

  /** In the order of /proc/mounts, the same folder twice where it is mounted over twice. */
  async list(): Promise<MountStat[]> {
    const mounts = await this.#proc.mounts();
    const usages = new Map(
      [...new Set(mounts.map(mount => mount.target))].map(target => [target, this.#usage(target)]),
    );
    const rows = mounts.map(async ({ source, target }) => {
      const usage = await usages.get(target);
      return usage ? [{ filesystem: source, mountedOn: target, ...usage }] : [];
    });
    return (await Promise.all(rows)).flat();
  }

  async #usage(target: string): Promise<Pick<MountStat, 'size' | 'available'> | undefined> {
    if (this.#hanging.has(target)) {
      this.#logger.warn(`mount ${target} is left out: still waiting for its file system`);
      return undefined;
    }
    this.#hanging.add(target);
    const asked = usageOf(target).finally(() => this.#hanging.delete(target));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new TalosdError('deadline_exceeded', `no answer in ${this.#patience} ms`);
      timer = setTimeout(() => reject(error), this.#patience);
    });
    try {
      return await Promise.race([asked, late]);
    } catch (error) {
      this.#logger.warn(`mount ${target} is left out: ${errorMessage(error)}`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function usageOf(target: string): Promise<Pick<MountStat, 'size' | 'available'> | undefined> {
  if (!(await stat(target)).isDirectory()) return undefined;
  const { blocks, bavail, bsize } = await statfs(target, { bigint: true });
  return { size: blocks * bsize, available: bavail * bsize };
}
