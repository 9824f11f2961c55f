import { join } from 'node:path';
import type { MachineConfig } from '../config/schema/config.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { Mutex } from '../lib/mutex.ts';
import { atomicWrite, readFileIfExists, removeFile } from '../system/files.ts';

/** A config as it was written by its user, and what it says. */
export interface LoadedConfig {
  readonly config: MachineConfig;
  readonly bytes: Uint8Array;
}

/** Turns bytes into a config; throws with every problem of the text. `file` is its name in those problems. */
export type ConfigParser = (bytes: Uint8Array, file: string) => LoadedConfig;

/** Node path of the config with which the next boot starts (machine-config.md §11). */
export const CONFIG_FILE = '/system/state/config.yaml';
/** Node path of the config with which a boot last completed (machine-config.md §15). */
export const LAST_GOOD_FILE = '/system/state/config.last-known-good.yaml';
/** Node path of a stored config that did not read. */
const UNREADABLE_FILE = '/system/state/config.unreadable.yaml';

/**
 * The config on this machine's disk: the user's document byte for byte, and beside it the last one that a boot completed
 * with, which takes over when the first is torn or no longer reads.
 */
export class StoredConfig {
  readonly #file: string;
  readonly #lastGood: string;
  readonly #unreadable: string;
  readonly #parse: ConfigParser;
  readonly #log: Logger;
  readonly #writes = new Mutex();
  #isSaved = false;

  /** `stateFolder` is where /system/state lies on the host. */
  constructor(options: { stateFolder: string; parse: ConfigParser; log: Logger }) {
    this.#file = join(options.stateFolder, 'config.yaml');
    this.#lastGood = join(options.stateFolder, 'config.last-known-good.yaml');
    this.#unreadable = join(options.stateFolder, 'config.unreadable.yaml');
    this.#parse = options.parse;
    this.#log = options.log;
  }

  /**
   * The stored config, the last-known-good one where that does not read, nothing where neither exists. A document that
   * does not read is kept aside as it is, because the next save replaces it.
   */
  async load(): Promise<LoadedConfig | undefined> {
    const bytes = await readFileIfExists(this.#file);
    if (!bytes) return undefined;
    try {
      return this.parse(bytes);
    } catch (error) {
      this.#log.error(`the stored config does not read, it is kept as ${UNREADABLE_FILE}: ${errorMessage(error)}`);
      await atomicWrite(this.#unreadable, bytes, 0o600);
    }
    const good = await readFileIfExists(this.#lastGood);
    if (!good) return undefined;
    try {
      const loaded = this.#parse(good, LAST_GOOD_FILE);
      this.#log.warn(`using the last config that a boot completed with (${LAST_GOOD_FILE})`);
      return loaded;
    } catch (error) {
      this.#log.error(`the last-known-good config does not read either: ${errorMessage(error)}`);
      return undefined;
    }
  }

  /** Reads a document as `load` reads the stored one. */
  parse(bytes: Uint8Array): LoadedConfig {
    return this.#parse(bytes, CONFIG_FILE);
  }

  /** What the next boot would read, as it lies on disk. */
  async bytes(): Promise<Uint8Array | undefined> {
    return readFileIfExists(this.#file);
  }

  /** Replaces the stored config; after a power cut it is the old one or the new one, whole. */
  save(bytes: Uint8Array): Promise<void> {
    this.#isSaved = true;
    return this.#writes.run(() => this.#replace(bytes));
  }

  /** Stores what this life of the agent began with, unless a later config was stored meanwhile. */
  saveFirst(bytes: Uint8Array): Promise<void> {
    return this.#writes.run(async () => {
      if (!this.#isSaved) await this.#replace(bytes);
    });
  }

  /** Removes the stored config. */
  remove(): Promise<void> {
    this.#isSaved = true;
    return this.#writes.run(() => removeFile(this.#file));
  }

  /** Remembers the config that a boot has completed with; one that is not kept over boots is no fallback either. */
  async markGood(loaded: LoadedConfig): Promise<void> {
    if (!loaded.config.persist) return removeFile(this.#lastGood);
    const known = await readFileIfExists(this.#lastGood);
    if (known && Buffer.compare(known, loaded.bytes) === 0) return;
    await atomicWrite(this.#lastGood, loaded.bytes, 0o600);
  }

  /** A document that is stored already is left alone: its file keeps its times. */
  async #replace(bytes: Uint8Array): Promise<void> {
    const stored = await readFileIfExists(this.#file);
    if (stored && Buffer.compare(stored, bytes) === 0) return;
    await atomicWrite(this.#file, bytes, 0o600);
  }
}
