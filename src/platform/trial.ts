import { join } from 'node:path';
import * as v from 'valibot';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { atomicWrite, readFileIfExists, removeFile } from '../system/files.ts';

/** A config on trial: what comes back, and when, unless somebody confirms. */
export interface Trial {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
  /** The stored document before the trial; undefined where there was none. */
  readonly stored: Uint8Array | undefined;
  /** The document in use before the trial. */
  readonly running: Uint8Array;
  /** Ways of peers to this node that the config touches: it stays when it has not cut them off. Empty for other trials. */
  readonly ways: readonly { readonly peer: string; readonly local: string }[];
}

const base64 = v.pipe(v.string(), v.base64());
const way = v.object({ peer: v.string(), local: v.string() });
const trialFile = v.object({
  id: v.string(),
  deadline: v.number(),
  stored: v.nullable(base64),
  running: base64,
  ways: v.optional(v.array(way), []),
});

/**
 * The trial that is under way, on disk: written before the config on trial is stored and removed after the trial has
 * ended, so whatever happens to the agent in between, its next start knows what to take back.
 */
export class TrialFile {
  readonly #path: string;
  readonly #log: Logger;

  /** `stateFolder` is where /system/state lies on the host. */
  constructor({ stateFolder, log }: { stateFolder: string; log: Logger }) {
    this.#path = join(stateFolder, 'config.trial.json');
    this.#log = log;
  }

  /** The trial that an earlier life of the agent began; one that does not read is reported and dropped. */
  async load(): Promise<Trial | undefined> {
    const bytes = await readFileIfExists(this.#path);
    if (!bytes) return undefined;
    try {
      const { id, deadline, stored, running, ways } = v.parse(trialFile, JSON.parse(bytes.toString()));
      const decode = (text: string) => Buffer.from(text, 'base64');
      const before = { stored: stored === null ? undefined : decode(stored), running: decode(running) };
      return { id, deadline, ...before, ways };
    } catch (error) {
      this.#log.error(
        `the record of the configuration on trial does not read, the trial is dropped: ${errorMessage(error)}`,
      );
      await this.remove();
      return undefined;
    }
  }

  async save({ id, deadline, stored, running, ways }: Trial): Promise<void> {
    const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
    const record = { id, deadline, stored: stored ? encode(stored) : null, running: encode(running), ways };
    await atomicWrite(this.#path, JSON.stringify(record), 0o600);
  }

  async remove(): Promise<void> {
    await removeFile(this.#path);
  }
}
