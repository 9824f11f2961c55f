import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { errorMessage, osError, TalosdError } from '../../lib/errors.ts';

/** Something in an archive that was left out on purpose. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/**
 * Unpacks a tar.gz into an existing folder. The archive comes from a machine that need not be a friend, so nothing in it
 * reaches outside the folder: names with `..` or a leading `/` end the work, no link is followed, nothing that exists is
 * overwritten, no set-id bits and no owners are taken over. Links keep their target, whatever it is. Devices, pipes and
 * hard links are left out and told to `onSkipped`. Throws `permission_denied` for a name that would leave the folder.
 */
export async function extractArchive(
  archive: Readable,
  folder: string,
  onSkipped: (skipped: Skipped) => void,
): Promise<void> {
  const extractor = new Extractor(folder, onSkipped);
  const decoder = createTarDecoder({ strict: true });
  const unzipped = createGunzip();
  const unzipping = pipeline(archive, unzipped);
  const decoding = (Readable.toWeb(unzipped) as ReadableStream<Uint8Array>).pipeTo(decoder.writable);
  const extracting = extractor.all(decoder.readable);
  const results = await Promise.allSettled([unzipping, decoding, extracting]);
  const failures = results.filter(result => result.status === 'rejected').map(result => result.reason as unknown);
  if (failures.length > 0) throw firstCause(failures);
}

/** What fails first makes the others fail: our own refusals and what the disk says come before damaged data. */
function firstCause(failures: readonly unknown[]): unknown {
  const own = failures.find(failure => failure instanceof TalosdError);
  if (own) return own;
  const zlib = failures.find(failure => String((failure as NodeJS.ErrnoException).code).startsWith('Z_'));
  const cause = zlib ?? failures[0];
  const text = errorMessage(cause) || errorMessage((cause as Error).cause); // web streams wrap without a text
  return new TalosdError('unknown', `the archive is damaged: ${text}`, { cause });
}

class Extractor {
  readonly #folder: string;
  readonly #onSkipped: (skipped: Skipped) => void;
  /** Folders that were looked at and are no links. Only we create things, and we never replace any. */
  readonly #safe = new Set<string>();
  /** Modes of folders, set at the end: one that is not writable would keep its own contents out. */
  readonly #modes: [path: string, mode: number][] = [];

  constructor(folder: string, onSkipped: (skipped: Skipped) => void) {
    this.#folder = folder;
    this.#onSkipped = onSkipped;
    this.#safe.add(folder);
  }

  async all(entries: ReadableStream<ParsedTarEntry>): Promise<void> {
    for await (const entry of entries) await this.#one(entry);
    for (const [path, mode] of this.#modes.reverse()) await chmod(path, mode).catch(failing('chmod', path));
  }

  async #one({ header, body }: ParsedTarEntry): Promise<void> {
    const parts = safeParts(header.name);
    const path = join(this.#folder, ...parts);
    const mode = (header.mode ?? 0o644) & 0o777;
    if (parts.length === 0) return drop(body);
    await this.#checkParents(parts);
    switch (header.type ?? 'file') {
      case 'directory':
        await mkdir(path).catch(failing('mkdir', path));
        this.#safe.add(path);
        this.#modes.push([path, mode]);
        return drop(body);
      case 'symlink':
        await symlink(header.linkname ?? '', path).catch(failing('symlink', path));
        return drop(body);
      case 'file':
        return writeFile(path, mode, body);
      default:
        this.#onSkipped({ name: header.name, reason: `${header.type} is not copied` });
        return drop(body);
    }
  }

  /** Makes sure that every folder above an entry is a real folder, creating what the archive left out. */
  async #checkParents(parts: readonly string[]): Promise<void> {
    let path = this.#folder;
    for (const part of parts.slice(0, -1)) {
      path = join(path, part);
      if (this.#safe.has(path)) continue;
      const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw osError('lstat', path, error);
      });
      if (!found) await mkdir(path).catch(failing('mkdir', path));
      else if (!found.isDirectory()) throw refused(parts.join('/'), `${path} is a link or a file`);
      this.#safe.add(path);
    }
  }
}

async function writeFile(path: string, mode: number, body: ReadableStream<Uint8Array>): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600).catch(failing('open', path));
  try {
    for await (const chunk of body) await file.writeFile(chunk).catch(failing('write', path));
    await file.chmod(mode).catch(failing('chmod', path));
  } finally {
    await file.close();
  }
}

function safeParts(name: string): string[] {
  if (name.startsWith('/')) throw refused(name, 'the name is absolute');
  const parts = name.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(name, 'the name leads out of the folder');
  if (name.includes('\0')) throw refused(name, 'the name has a zero byte');
  return parts;
}

async function drop(body: ReadableStream<Uint8Array>): Promise<void> {
  for await (const _chunk of body); // nothing of it is wanted
}

const refused = (name: string, why: string) =>
  new TalosdError('permission_denied', `refusing to extract ${JSON.stringify(name)}: ${why}`);

const failing = (operation: string, path: string) => (error: unknown) => {
  throw osError(operation, path, error);
};
