import { isWithin, type PlannedChange } from '../config/needs.ts';
import type { MachineConfig } from '../config/schema/config.ts';
import { endsWithin } from '../lib/abort.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { LoadedConfig } from '../platform/stored-config.ts';
import type { Store } from '../runtime/store.ts';
import { publishConfig } from './current-config.ts';

/** What a config changes on a running node besides the resource that controllers follow. */
export interface LiveEffects {
  /** `machine.env`. */
  environment(config: MachineConfig): void;
  /** `machine.files` under /var. */
  files(config: MachineConfig): Promise<void>;
  /** `machine.sysctls`; absent where the machine is not the node's own. */
  sysctls?(config: MachineConfig): Promise<void>;
  /** Starts a service anew. */
  restart(service: string): Promise<void>;
}

export interface ActivationOptions {
  readonly store: Store;
  readonly effects: LiveEffects;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A caller that vanished must not hold up a config that is already on disk. */
const REPLY_PATIENCE = 5_000;
/** How long an address or link that a caller may depend on stays after the answer has left. */
const FAREWELL = 1_000;
/** How long a part of a config may take to be live; the next config does not wait longer for it. */
const EFFECT_PATIENCE = 60_000;

/** Puts accepted configs in use, one after the other, each once its answer has left. */
export class Activation {
  readonly #options: ActivationOptions;
  #pending: LoadedConfig | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: ActivationOptions) {
    this.#options = options;
  }

  /** The newest config that is accepted and not in use yet. */
  get pending(): LoadedConfig | undefined {
    return this.#pending;
  }

  /** Resolves when all that was begun is in use. */
  settled(): Promise<void> {
    return this.#last;
  }

  begin(next: LoadedConfig, changes: readonly PlannedChange[], replied: Promise<void>): void {
    this.#pending = next;
    this.#last = this.#last.then(async () => {
      await this.afterReply(replied);
      if (changesAddresses(changes)) await this.#options.clock.sleep(FAREWELL);
      publishConfig(this.#options.store, next);
      if (this.#pending === next) this.#pending = undefined;
      await this.#takeEffect(next, changes);
    });
  }

  /** Resolves when the answer has left, or has had its time. */
  async afterReply(replied: Promise<void>): Promise<void> {
    const patience = new AbortController();
    const late = this.#options.clock.sleep(REPLY_PATIENCE, patience.signal).catch(error => {
      if (!patience.signal.aborted) throw error;
    });
    await Promise.race([replied, late]);
    patience.abort();
  }

  async #takeEffect({ config }: LoadedConfig, changes: readonly PlannedChange[]): Promise<void> {
    const { effects } = this.#options;
    const isTouched = (section: string) => changes.some(({ path }) => isWithin(path, section));
    if (isTouched('machine.env')) await this.#attempt('machine.env', async () => effects.environment(config));
    if (isTouched('machine.files')) await this.#attempt('machine.files', () => effects.files(config));
    const { sysctls } = effects;
    if (sysctls && isTouched('machine.sysctls')) await this.#attempt('machine.sysctls', () => sysctls(config));
    const services = new Set(changes.flatMap(({ service }) => service ?? []));
    for (const service of services) await this.#attempt(`restart of ${service}`, () => effects.restart(service));
  }

  /** The config is in use already: what a part of it cannot do is said, and the rest goes on. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    try {
      if (await endsWithin(work(), EFFECT_PATIENCE, clock)) return;
      log.error(`the new configuration is in use, but ${what} is not done after ${EFFECT_PATIENCE / 1000}s`);
    } catch (error) {
      log.error(`the new configuration is in use, but ${what} failed: ${errorMessage(error)}`);
    }
  }
}

/** Whether links and addresses of the node change, on which its callers may depend. */
export function changesAddresses(changes: readonly PlannedChange[]): boolean {
  return changes.some(({ path }) => isWithin(path, 'machine.network.interfaces'));
}
