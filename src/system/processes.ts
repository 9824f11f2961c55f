import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessInfo } from '../gen/machine/machine.ts';
import { TalosdError } from '../lib/errors.ts';
import { errnoOf, readFileLimited } from './files.ts';
import type { ProcFs } from './procfs.ts';
import { parseProcessStat } from './procfs-parse.ts';

/** How many processes are examined at a time. */
const POOL = 8;

/** The longest command line that is shown, bytes. */
const MAX_COMMAND_LINE = 2 * 1024 * 1024;

/**
 * Every process of this pid namespace in order of pid: spec/api.md §2.4, Processes. One that ends meanwhile is left
 * out; the executable of one that we may not look into is empty.
 */
export async function listProcesses(proc: ProcFs, signal?: AbortSignal): Promise<ProcessInfo[]> {
  const names = (await readdir(proc.root)).filter(name => /^\d+$/.test(name));
  const pids = names.map(Number).sort((a, b) => a - b);
  const pageSize = await proc.pageSize();
  const found = new Array<ProcessInfo | undefined>(pids.length);
  let next = 0;
  const worker = async () => {
    while (next < pids.length) {
      signal?.throwIfAborted();
      const index = next++;
      found[index] = await readProcess(join(proc.root, String(pids[index])), pageSize);
    }
  };
  await Promise.all(Array.from({ length: POOL }, worker));
  return found.filter(process => process !== undefined);
}

async function readProcess(folder: string, pageSize: bigint): Promise<ProcessInfo | undefined> {
  try {
    const [statText, commandLine, executable] = await Promise.all([
      readFileLimited(join(folder, 'stat')),
      readFileLimited(join(folder, 'cmdline'), MAX_COMMAND_LINE),
      readExecutable(folder),
    ]);
    const stat = parseProcessStat(statText.toString());
    if (!stat) throw new TalosdError('internal', `${folder}/stat has an unknown form`);
    return {
      pid: stat.pid,
      ppid: stat.parent,
      state: stat.state,
      threads: stat.threads,
      cpuTime: stat.cpuTime,
      virtualMemory: stat.virtualMemory,
      residentMemory: stat.residentPages * pageSize,
      command: stat.command,
      executable,
      args: commandLine.toString().replace(/\0+$/, '').replaceAll('\0', ' '),
    };
  } catch (error) {
    if (hasVanished(error)) return undefined;
    throw error;
  }
}

/** Empty for kernel threads, and for processes of other users when we are not root. */
async function readExecutable(folder: string): Promise<string> {
  try {
    return await readlink(join(folder, 'exe'));
  } catch (error) {
    if (['ENOENT', 'EACCES', 'EPERM', 'ESRCH'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  }
}

function hasVanished(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ESRCH';
}
