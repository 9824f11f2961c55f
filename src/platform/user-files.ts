import { createHash } from 'node:crypto';
import { lstat, mkdir, type stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import type { MachineConfig } from '../config/schema/config.ts';
import { errorList, errorMessage, osError, TalosdError } from '../lib/errors.ts';
import type { BindMounts } from '../system/bind-mount.ts';
import { atomicWrite, ensureDir, isMissing, readFileIfExists } from '../system/files.ts';
import type { NodePaths } from '../system/paths.ts';
import { contentAfter, type PlannedFile, planFiles } from './plan-files.ts';

export interface UserFilesOptions {
  readonly paths: NodePaths;
  readonly mounts: BindMounts;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const recordFile = v.object({ original: v.nullable(v.pipe(v.string(), v.base64())), written: v.array(v.string()) });

/** What a file that grows was before, and the digests of what this node may have made of it. */
interface Growth {
  readonly original: Buffer | undefined;
  readonly written: readonly string[];
}

/**
 * Writes `machine.files` (machine-config.md §14.1). However often that is done, an append happens once: files of the
 * system are never written to, so each start begins from them; of files under /var the node remembers what they were
 * before it touched them.
 *
 * Outside /var the result lies at /var/<path> and is mounted over the original; a guest on somebody's machine (platform
 * `local`) keeps it in its state folder and shows it under the path.
 */
export class UserFiles {
  readonly #paths: NodePaths;
  readonly #mounts: BindMounts;
  readonly #bound = new Set<string>();

  constructor({ paths, mounts }: UserFilesOptions) {
    this.#paths = paths;
    this.#mounts = mounts;
  }

  /** Writes all files it can; throws the list of what it could not. `which` leaves out what only a start may put in place. */
  async write(config: MachineConfig, which: 'all' | 'direct' = 'all'): Promise<void> {
    const { files, errors } = planFiles(config.machine?.files ?? []);
    const failures = [...errors];
    for (const file of files) {
      try {
        if (file.place === 'direct') await this.#writeDirect(file);
        else if (which === 'all') await this.#writeOver(file);
      } catch (error) {
        failures.push(errorMessage(error));
      }
    }
    if (failures.length > 0) throw new TalosdError('unknown', errorList(failures));
  }

  /** Uncovers the files of the system again. */
  async release(): Promise<void> {
    for (const target of this.#bound) await this.#mounts.unbind(target);
    this.#bound.clear();
  }

  async #writeDirect(file: PlannedFile): Promise<void> {
    const target = this.#paths.toHost(file.path);
    await assertRegular(file, target);
    const isGrowing = file.operations[0]?.op === 'append';
    const content = isGrowing ? await this.#grown(file, target) : contentAfter(file, await readFileIfExists(target));
    await writeFile(target, content, file.mode);
    if (isGrowing) await this.#remember(file, content);
  }

  /** The content of a file under /var that the config appends to, from what it was before the first append. */
  async #grown(file: PlannedFile, target: string): Promise<Buffer> {
    const present = await readFileIfExists(target);
    const known = await this.#recall(file);
    const isOurs = present && known?.written.includes(digest(present));
    const content = contentAfter(file, isOurs ? known?.original : present);
    if (!isOurs && present && known && endsLike(file, present)) return present; // somebody else changed it around our text
    // Said before it is done: a crash in between must not make our own text part of the original.
    const written = [...(isOurs && present ? [digest(present)] : []), digest(content)];
    await this.#record(file, { original: isOurs ? known?.original : present, written });
    return content;
  }

  async #remember(file: PlannedFile, content: Buffer): Promise<void> {
    const known = await this.#recall(file);
    if (known && known.written.length > 1) await this.#record(file, { ...known, written: [digest(content)] });
  }

  async #writeOver(file: PlannedFile): Promise<void> {
    if (!this.#paths.isIdentity) {
      const content = contentAfter(file, await systemFile(file));
      this.#paths.addFile(file.path);
      return writeFile(this.#paths.toHost(file.path), content, file.mode);
    }
    const copy = `/var${file.path}`;
    if (await this.#mounts.isBound(copy, file.path)) await this.#mounts.unbind(file.path);
    await writeFile(copy, contentAfter(file, await systemFile(file)), file.mode);
    try {
      await this.#mounts.bind(copy, file.path);
    } catch (error) {
      throw new TalosdError('unknown', `failed to create bind mount for ${copy}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    this.#bound.add(file.path);
  }

  #recordPath({ path }: PlannedFile): string {
    return join(this.#paths.toHost('/system/state/files'), `${digest(Buffer.from(path))}.json`);
  }

  async #recall(file: PlannedFile): Promise<Growth | undefined> {
    const bytes = await readFileIfExists(this.#recordPath(file), 64 * 1024 * 1024);
    if (!bytes) return undefined;
    const { original, written } = v.parse(recordFile, JSON.parse(bytes.toString()));
    return { original: original === null ? undefined : Buffer.from(original, 'base64'), written };
  }

  async #record(file: PlannedFile, { original, written }: Growth): Promise<void> {
    const path = this.#recordPath(file);
    await ensureDir(dirname(path), 0o700);
    await atomicWrite(path, JSON.stringify({ original: original?.toString('base64') ?? null, written }), 0o600);
  }
}

/** Bundles of certificates that the config adds to those of the system (guide "Custom Certificate Authorities"). */
export function authorityBundles(config: MachineConfig): string[] {
  const files = config.machine?.files ?? [];
  return files.flatMap(({ path, content }) => (/^\/+etc\/(?:ssl|pki)\//.test(path ?? '') && content ? [content] : []));
}

/** Whether everything that the config appends is in the file already. */
function endsLike({ operations }: PlannedFile, present: Buffer): boolean {
  return operations.every(({ content }) => present.includes(`\n${content}`));
}

async function systemFile(file: PlannedFile): Promise<Buffer | undefined> {
  await assertRegular(file, file.path);
  return readFileIfExists(file.path);
}

/** What is appended to or overwritten has to be a file; what is created may not be there, or is replaced. */
async function assertRegular({ shown, operations }: PlannedFile, host: string): Promise<void> {
  if (operations[0]?.op === 'create') return;
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await lstat(host);
  } catch (error) {
    if (isMissing(error)) throw new TalosdError('unknown', `file must exist: ${JSON.stringify(shown)}`);
    throw osError('stat', shown, error);
  }
  if (found.isSymbolicLink()) return; // what it leads to is read
  if (!found.isFile()) throw new TalosdError('unknown', `invalid mode: ${JSON.stringify(modeText(found.mode))}`);
}

function modeText(mode: number): string {
  const type: Record<number, string> = { 4: 'd', 2: 'Dc', 6: 'D', 1: 'p', 12: 'S' };
  const bits = [...'rwxrwxrwx'].map((letter, index) => (mode & (0o400 >> index) ? letter : '-')).join('');
  return `${type[(mode >> 12) & 0xf] ?? '-'}${bits}`;
}

async function writeFile(path: string, content: Buffer, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await atomicWrite(path, content, mode);
}
