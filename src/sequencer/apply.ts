import { authorityLoss } from '../config/check-authority.ts';
import { identityChanges } from '../config/identity.ts';
import { loadUserConfig, type UserConfig } from '../config/load-user-config.ts';
import { type PlannedChange, planChange } from '../config/needs.ts';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Mutex } from '../lib/mutex.ts';
import type { PlatformMode } from '../platform/platform.ts';
import type { LoadedConfig, StoredConfig } from '../platform/stored-config.ts';
import type { Trial } from '../platform/trial.ts';
import type { Store } from '../runtime/store.ts';
import { Activation, changesAddresses, type LiveEffects } from './activation.ts';
import type { LifeControl } from './control.ts';
import { currentConfig } from './current-config.ts';
import type { Sequencer } from './engine.ts';
import { type ConnectivityGuard, GUARD_TIME } from './guard.ts';
import type { SequenceName } from './sequence.ts';
import type { Trials } from './trials.ts';

/** When a config takes effect (machine-config.md §12). */
export type ApplyMode = 'reboot' | 'immediate' | 'on-reboot';

/** What a change must know of the call that asks for it. */
export interface ApplyCall {
  /** How many nodes the client addressed. */
  readonly nodeCount: number;
  /** Registers what must wait until the answer has left, or its receiver is gone. */
  afterReply(action: () => void): void;
}

/** Sequences that lead to a running node; all others lead away from it. */
const STARTING: ReadonlySet<SequenceName> = new Set(['initialize', 'install', 'boot', 'bootstrap']);

/** What a config would do, or does. */
export interface ApplyPlan {
  readonly next: UserConfig;
  readonly changes: readonly PlannedChange[];
  /** Remarks, a line each. */
  readonly notes: readonly string[];
}

export interface ConfigApplierOptions {
  readonly mode: PlatformMode;
  readonly diskExists: (path: string) => boolean;
  readonly hasService: (id: string) => boolean;
  readonly sequencer: Sequencer;
  readonly control: LifeControl;
  readonly stored: StoredConfig;
  readonly trials: Trials;
  /** The same as that of `trials`. */
  readonly turns: Mutex;
  readonly store: Store;
  readonly effects: LiveEffects;
  /** Absent where the network is not this node's own. */
  readonly guard?: ConnectivityGuard;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Takes new configs for a running node (machine-config.md §12, §15). Each call's way: parse and check → is it this
 * node's → may it be now → file written → the answer leaves → in use (at once, or by starting anew). Until the file is
 * written nothing has changed; from then on the next start has the new config, whole.
 */
export class ConfigApplier {
  readonly #options: ConfigApplierOptions;
  readonly #activation: Activation;

  constructor(options: ConfigApplierOptions) {
    this.#options = options;
    this.#activation = new Activation(options);
    options.trials.onRevert(trial => this.#revert(trial));
    options.trials.onResume(trial => this.#watch(trial));
  }

  /** ApplyConfiguration. Every refusal is thrown; what is returned from is on disk. */
  async apply(data: Uint8Array, mode: ApplyMode, call: ApplyCall): Promise<void> {
    const { log, turns } = this.#options;
    log.info(`apply config request: immediate ${mode === 'immediate'}, on reboot ${mode === 'on-reboot'}`);
    const replied = new Promise<void>(resolve => call.afterReply(resolve));
    const next = this.#load(data);
    await turns.run(async () => {
      if (mode === 'reboot') return this.#startAnew(next, call, replied);
      this.#assertStaying();
      this.#assertWelcome(next, call);
      const changes = this.#changes(next);
      if (mode === 'immediate') assertLive(changes, 'unknown');
      const ways = mode === 'immediate' ? (this.#options.guard?.touched(this.#current(), next.config) ?? []) : [];
      const trial = ways.length === 0 ? undefined : await this.#begin(GUARD_TIME, ways);
      await this.#save(next);
      if (isForgotten(next, mode)) log.warn(FORGOTTEN);
      // Asked now: the network stays as it is until a second after the answer.
      const alive = trial && this.#options.guard?.alive(trial.ways);
      if (mode === 'immediate') this.#activation.begin(next, changes, replied);
      if (trial) this.#watch(trial, alive);
    });
  }

  /** What `apply` would do, without doing any of it: no file, no resource, no event, no log line. */
  plan(
    data: Uint8Array,
    mode: ApplyMode,
    call: Pick<ApplyCall, 'nodeCount'>,
  ): ApplyPlan & { readonly refusal: string | undefined } {
    const next = this.#load(data);
    const { sequencer, trials } = this.#options;
    const notes = [...next.notes];
    if (isForgotten(next, mode)) notes.push(FORGOTTEN);
    if (sequencer.current)
      notes.push(`the ${sequencer.current.name} sequence is running; in default mode this is refused now`);
    if (trials.current) notes.push(trialText(trials.current));
    const changes = this.#changes(next);
    if (changesAddresses(changes)) notes.push('links or addresses change, and with them the way to this node');
    return { next, changes, notes, refusal: this.#unwelcome(next, call) };
  }

  /**
   * Takes a config into use on trial: after `timeout` milliseconds the one before is back unless the trial's id was
   * confirmed. `keep` takes it for good. Without a difference nothing happens, and there is no id.
   */
  async try(
    data: Uint8Array,
    options: { readonly timeout: number; readonly keep: boolean },
    call: ApplyCall,
  ): Promise<ApplyPlan & { readonly trial: { readonly id: string; readonly deadline: number } | undefined }> {
    const { sequencer, turns } = this.#options;
    const replied = new Promise<void>(resolve => call.afterReply(resolve));
    const next = this.#load(data);
    return turns.run(async () => {
      if (sequencer.current) throw busy(sequencer.current.name);
      this.#assertStaying();
      this.#assertWelcome(next, call);
      const changes = this.#changes(next);
      assertLive(changes, 'failed_precondition');
      const plan = { next, changes, notes: next.notes };
      if (changes.length === 0) return { ...plan, trial: undefined };
      const trial = options.keep ? undefined : await this.#begin(options.timeout);
      await this.#save(next);
      this.#activation.begin(next, changes, replied);
      return { ...plan, trial };
    });
  }

  /** Keeps the config on trial; returns the trial's id. `id` may be empty for whichever is running. */
  confirm(id: string): Promise<string> {
    const { turns, trials } = this.#options;
    return turns.run(() => trials.confirm(id));
  }

  async #begin(timeout: number, ways?: Trial['ways']): Promise<Trial> {
    const { trials, stored, store } = this.#options;
    return trials.begin({ running: currentConfig(store).bytes, stored: await stored.bytes() }, timeout, ways);
  }

  /** What cannot be stored is not on trial either. */
  async #save(next: LoadedConfig): Promise<void> {
    const { trials, stored } = this.#options;
    try {
      await stored.save(next.bytes);
    } catch (error) {
      if (trials.current) await trials.drop();
      throw error;
    }
  }

  /** Keeps a config that touched the ways of peers as soon as it has proven not to cut this node off. */
  #watch(trial: Trial, alive?: Promise<Trial['ways']>): void {
    this.#proven(trial, alive).catch(error => {
      // Its time goes on: what was not proven is taken back.
      this.#options.log.error(`whether configuration ${trial.id} stays is not known: ${errorMessage(error)}`);
    });
  }

  async #proven(trial: Trial, alive: Promise<Trial['ways']> = Promise.resolve(trial.ways)): Promise<void> {
    const { guard, trials, turns, log } = this.#options;
    if (!guard || trial.ways.length === 0) return;
    const peers = trial.ways.map(({ peer }) => peer).join(', ');
    log.info(`configuration ${trial.id} touches the way to ${peers}: it is taken back if that is cut off`);
    await this.#activation.settled();
    const proof = await guard.proof(await alive, () => trials.current !== trial);
    await turns.run(async () => {
      if (proof === undefined || trials.current !== trial) return;
      await trials.confirm(trial.id);
      log.info(`configuration ${trial.id} stays: ${proof}`);
    });
  }

  async #startAnew(next: UserConfig, call: ApplyCall, replied: Promise<void>): Promise<void> {
    const { sequencer, control, stored } = this.#options;
    const hold = sequencer.hold('applyConfiguration');
    try {
      const reset = sequencer.running.find(({ name }) => name === 'reset');
      if (reset) throw busy(reset.name);
      this.#assertWelcome(next, call);
      await stored.save(next.bytes);
    } catch (error) {
      hold.release();
      throw error;
    }
    void this.#activation.afterReply(replied).then(() => control.applyConfiguration(hold, next));
  }

  async #revert({ running }: Trial): Promise<void> {
    const before = this.#options.stored.parse(running);
    this.#activation.begin(before, this.#changes(before), Promise.resolve());
    await this.#activation.settled();
  }

  #load(data: Uint8Array): UserConfig {
    const { mode, diskExists } = this.#options;
    return loadUserConfig(data, { mode, diskExists });
  }

  /** What differs from the config that is in use, or will be once its answer has left. */
  #changes({ config }: LoadedConfig): PlannedChange[] {
    return planChange(this.#current(), config, { hasService: this.#options.hasService });
  }

  #current() {
    return (this.#activation.pending ?? currentConfig(this.#options.store)).config;
  }

  /** A node on its way down takes nothing any more: what it starts with next is decided. A boot that hangs does not matter. */
  #assertStaying(): void {
    const ending = this.#options.sequencer.running.find(({ name }) => !STARTING.has(name));
    if (ending) throw busy(ending.name);
  }

  #assertWelcome(next: UserConfig, call: ApplyCall): void {
    const { trials } = this.#options;
    const reason = this.#unwelcome(next, call);
    if (reason !== undefined) throw new TalosdError('failed_precondition', reason);
    if (trials.current) throw new TalosdError('failed_precondition', trialText(trials.current));
  }

  /** Why a sound config is not one for this node. */
  #unwelcome({ config }: UserConfig, { nodeCount }: Pick<ApplyCall, 'nodeCount'>): string | undefined {
    const loss = authorityLoss(this.#current(), config);
    if (loss !== undefined) return loss;
    const paths = nodeCount > 1 ? identityChanges(this.#current(), config) : [];
    if (paths.length === 0) return undefined;
    return (
      `this looks like another node's configuration: the call is for ${nodeCount} nodes and would change ` +
      `${paths.join(', ')}; apply it to one node at a time`
    );
  }
}

const FORGOTTEN = 'persist is false: the next start takes its config from where the first came, not the stored one';

/** Whether a config for the next start is one that the next start does not read (machine-config.md §11.3). */
function isForgotten({ config }: LoadedConfig, mode: ApplyMode): boolean {
  return mode === 'on-reboot' && !config.persist;
}

/** Throws with every path that immediate mode cannot take (machine-config.md §12.2). */
function assertLive(changes: readonly PlannedChange[], code: 'unknown' | 'failed_precondition'): void {
  const refused = changes.filter(change => !change.isLive);
  if (refused.length === 0) return;
  const lines = refused.map(({ path, need, reason }) => `  ${path}: needs ${need}${reason ? ` (${reason})` : ''}`);
  throw new TalosdError(code, `this config change can't be applied in immediate mode\ndiff:\n${lines.join('\n')}`);
}

function busy(name: string): TalosdError {
  return new TalosdError('failed_precondition', `locked: the ${name} sequence is running`);
}

function trialText({ id, deadline }: { readonly id: string; readonly deadline: number }): string {
  const until = new Date(deadline).toISOString();
  return `configuration ${id} is on trial until ${until}: confirm it (talosd ctl apply-config --confirm) or wait`;
}
