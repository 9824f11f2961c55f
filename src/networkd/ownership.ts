import { mkdir, readlink, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { readFileIfExists } from '../system/files.ts';
import { NOTHING_OWNED, type Owned } from './plan/types.ts';

interface Stored {
  readonly life: string;
  readonly links: readonly string[];
  readonly members: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly mtus: readonly (readonly [string, number])[];
  readonly options: readonly (readonly [string, readonly string[]])[];
}

/**
 * Remembers in a file what this agent made of the network, so that it still knows after it was started again. Counts only
 * within one boot and one network namespace: after that all it names is gone.
 */
export class Ownership {
  readonly #file: string;
  readonly #log: Logger;
  #owned: Owned | undefined;
  #life = '';

  constructor(options: { file: string; log: Logger }) {
    this.#file = options.file;
    this.#log = options.log;
  }

  /** What is ours. Read from the file the first time. */
  async load(): Promise<Owned> {
    this.#owned ??= await this.#read();
    return this.#owned;
  }

  /** Keeps the record, on disk before anything is done by it. No fsync: after a power cut it counts for nothing. */
  async save(owned: Owned): Promise<void> {
    if (this.#owned && isSame(this.#owned, owned)) return;
    this.#owned = owned;
    const { links, members, addresses, routes, mtus, options } = owned;
    const stored: Stored = {
      life: this.#life,
      links: [...links],
      members: [...members],
      addresses: [...addresses],
      routes: [...routes],
      mtus: [...mtus],
      options: [...options],
    };
    await mkdir(dirname(this.#file), { recursive: true, mode: 0o750 });
    const temporary = `${this.#file}.new`;
    await writeFile(temporary, JSON.stringify(stored), { mode: 0o600 });
    await rename(temporary, this.#file);
  }

  async #read(): Promise<Owned> {
    const boot = (await readFileIfExists('/proc/sys/kernel/random/boot_id'))?.toString().trim() ?? '';
    this.#life = `${boot} ${await readlink('/proc/self/ns/net')}`;
    const bytes = await readFileIfExists(this.#file, 256 * 1024 * 1024);
    if (!bytes) return NOTHING_OWNED;
    try {
      const stored = JSON.parse(bytes.toString()) as Stored;
      if (stored.life !== this.#life) return NOTHING_OWNED;
      return {
        links: new Set(stored.links),
        members: new Set(stored.members),
        addresses: new Set(stored.addresses),
        routes: new Set(stored.routes),
        mtus: new Map(stored.mtus),
        options: new Map(stored.options),
      };
    } catch (error) {
      this.#log.warn(`the record of the network does not read, nothing of it is taken back: ${errorMessage(error)}`);
      return NOTHING_OWNED;
    }
  }
}

/** Whether nothing at all is ours. */
export function isNothing(owned: Owned): boolean {
  return Object.values(owned).every((part: { size: number }) => part.size === 0);
}

function isSame(a: Owned, b: Owned): boolean {
  const pairs = [
    [a.links, b.links],
    [a.members, b.members],
    [a.addresses, b.addresses],
    [a.routes, b.routes],
  ] as const;
  if (!pairs.every(([left, right]) => left.size === right.size && [...left].every(item => right.has(item))))
    return false;
  return JSON.stringify([[...a.mtus], [...a.options]]) === JSON.stringify([[...b.mtus], [...b.options]]);
}
