import { abortable } from '../lib/abort.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { inflated } from './inflate.ts';
import type { Platform } from './platform.ts';
import type { ConfigParser, LoadedConfig, StoredConfig } from './stored-config.ts';

/** How long the platform may take to bring the config, milliseconds. */
const FETCH_PATIENCE = 70_000;
/** How long it then has to say what went wrong. */
const LAST_WORDS = 5_000;

export interface AcquireOptions {
  readonly platform: Platform;
  readonly stored: StoredConfig;
  /** What the life of the agent before this one was told to go on with. */
  readonly handedOver?: LoadedConfig;
  readonly parse: ConfigParser;
  /** Lines of the task, without its head. */
  readonly taskLog: (message: string) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** What the platform waits for meanwhile. */
  readonly waitingFor?: (reason: string | undefined) => void;
  readonly clock?: Clock;
}

/**
 * The config to start with: the stored one unless it is absent, unreadable or not to be kept, else the platform's
 * (sequences-and-services.md §2.7). An agent that started anew in place goes on with what it was given then. `undefined` means that there is no source, so a person has to bring one.
 */
export async function acquireConfig(options: AcquireOptions): Promise<LoadedConfig | undefined> {
  if (options.handedOver) {
    options.taskLog('using the config that was applied');
    return options.handedOver;
  }
  const stored = await options.stored.load();
  if (stored?.config.persist) {
    options.taskLog('persistence is enabled, using existing config on disk');
    return stored;
  }
  options.taskLog(
    stored ? 'found existing config, but persistence is disabled, downloading config' : 'downloading config',
  );
  const bytes = await fetched(options);
  if (!bytes) return undefined;
  options.taskLog('storing config in memory');
  const text = await inflated(bytes);
  try {
    return options.parse(text, `${options.platform.name} config`);
  } catch (error) {
    throw new TalosdError('unknown', `failed to parse config: ${errorMessage(error)}`, { cause: error });
  }
}

/** What the platform brings within its time; one that ignores that its time is over is left alone. */
async function fetched({ platform, signal, log, waitingFor, clock = systemClock }: AcquireOptions) {
  const patience = new AbortController();
  const late = new TalosdError('deadline_exceeded', `no config after ${FETCH_PATIENCE / 1000}s`);
  const abandon = new AbortController();
  const stop = clock.after(FETCH_PATIENCE, () => patience.abort(late));
  const stopAbandon = clock.after(FETCH_PATIENCE + LAST_WORDS, () => abandon.abort(late));
  const limited = AbortSignal.any([signal, patience.signal]);
  try {
    const work = platform.configuration({ signal: limited, log, ...(waitingFor ? { waitingFor } : {}) });
    return await abortable(work, abandon.signal);
  } finally {
    stop();
    stopAbandon();
  }
}
