import { randomBytes } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Mutex } from '../lib/mutex.ts';
import type { StoredConfig } from '../platform/stored-config.ts';
import type { Trial, TrialFile } from '../platform/trial.ts';

export interface TrialsOptions {
  readonly file: TrialFile;
  readonly stored: StoredConfig;
  /** Shared by all that changes the stored config; the calls below are made in a turn, but for those of a start. */
  readonly turns: Mutex;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when a config is taken back because it cut this node off. */
  readonly onCutOff?: (message: string) => void;
}

/** The time to confirm a trial where its caller names none, milliseconds. */
export const DEFAULT_TRIAL = 60_000;
/** The longest trial: more cannot be meant, and timers end there. */
export const LONGEST_TRIAL = 24 * 3_600_000;

/** How long a trial that could not be taken back waits for the next attempt. */
const RETRY = 1_000;

/**
 * Configs on trial (talosd.v1). Life of one:
 *
 * ```
 *  begin: record on disk ─► config stored, in use ─┬─ confirm ──────────────► record removed
 *                                                  ├─ deadline ─► document before stored ─► record removed ─► in use
 *                                                  └─ crash ─► resume: past its deadline as above, else the rest of its time,
 *                                                              unless the node began with another config
 * ```
 */
export class Trials {
  readonly #options: TrialsOptions;
  #current: Trial | undefined;
  #cancel: () => void = () => {};
  #revert: (trial: Trial) => Promise<void> = async () => {};
  #resumed: (trial: Trial) => void = () => {};

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** The trial under way. */
  get current(): Trial | undefined {
    return this.#current;
  }

  /** Sets who puts the config before in use again; its document is stored by then. */
  onRevert(revert: (trial: Trial) => Promise<void>): void {
    this.#revert = revert;
  }

  /** Sets who looks after a trial of an earlier life that is still running. */
  onResume(resumed: (trial: Trial) => void): void {
    this.#resumed = resumed;
  }

  /** Finishes what an earlier life of the agent left; call it before the stored config is read. */
  async resume(): Promise<void> {
    const { file, clock } = this.#options;
    const trial = await file.load();
    if (!trial) return;
    if (trial.deadline <= clock.now()) {
      this.#tell(trial, 'the one before is back');
      await this.#takeBack(trial);
      return;
    }
    this.#arm(trial);
    this.#resumed(trial);
  }

  /**
   * Ends the trial of an earlier life where this one began with another config than the one on trial: its source came
   * first, so there is nothing to take back. Call it once the config is known, before it is stored.
   */
  startedWith(running: Uint8Array): Promise<void> {
    const { turns, stored, log } = this.#options;
    return turns.run(async () => {
      const trial = this.#current;
      const tried = trial && (await stored.bytes());
      if (!trial || (tried && Buffer.compare(tried, running) === 0)) return;
      log.warn(`configuration ${trial.id} is not on trial any more: the node began with another`);
      await this.drop();
    });
  }

  /** Records a trial and starts its time. The caller stores the config next. `ways` as in `Trial`. */
  async begin(before: Pick<Trial, 'running' | 'stored'>, timeout: number, ways: Trial['ways'] = []): Promise<Trial> {
    const deadline = this.#options.clock.now() + timeout;
    const trial: Trial = { id: randomBytes(4).toString('hex'), deadline, ...before, ways };
    await this.#options.file.save(trial);
    this.#arm(trial);
    return trial;
  }

  /** Forgets the trial: its config is not stored, or will not be. */
  async drop(): Promise<void> {
    this.#disarm();
    await this.#options.file.remove();
  }

  /** Ends the trial well; returns its id. */
  async confirm(id: string): Promise<string> {
    const trial = this.#current;
    if (!trial) throw new TalosdError('failed_precondition', 'no configuration is on trial');
    if (id !== '' && id !== trial.id) {
      throw new TalosdError('failed_precondition', `configuration ${trial.id} is on trial, not ${id}`);
    }
    await this.#options.file.remove();
    this.#disarm();
    return trial.id;
  }

  /** Stops the clock of this life; the record stays for the next. */
  close(): void {
    this.#disarm();
  }

  #arm(trial: Trial): void {
    const { clock } = this.#options;
    this.#current = trial;
    const rest = Math.min(Math.max(trial.deadline - clock.now(), 0), LONGEST_TRIAL);
    this.#expireAfter(trial, rest);
  }

  #expireAfter(trial: Trial, milliseconds: number): void {
    const { clock, turns } = this.#options;
    this.#cancel = clock.after(milliseconds, () => void turns.run(() => this.#expire(trial)));
  }

  #disarm(): void {
    this.#cancel();
    this.#current = undefined;
  }

  async #expire(trial: Trial): Promise<void> {
    const { log } = this.#options;
    if (this.#current !== trial) return;
    this.#tell(trial, 'going back to the one before');
    try {
      await this.#takeBack(trial);
    } catch (error) {
      log.error(`configuration ${trial.id} could not be taken back, trying again: ${errorMessage(error)}`);
      this.#expireAfter(trial, RETRY);
      return;
    }
    this.#current = undefined;
    await this.#revert(trial).catch(error => {
      log.error(`the configuration before ${trial.id} is stored but not in use: ${errorMessage(error)}`);
    });
  }

  #tell({ id, ways }: Trial, what: string): void {
    const { log, onCutOff } = this.#options;
    if (ways.length === 0) {
      log.warn(`nobody confirmed configuration ${id}: ${what}`);
      return;
    }
    const peers = [...new Set(ways.map(({ peer }) => peer))].join(', ');
    const text = `configuration ${id} cut off ${peers}: neither a call came in nor does the way there answer; ${what}`;
    log.error(text);
    onCutOff?.(text);
  }

  async #takeBack({ stored: bytes }: Trial): Promise<void> {
    const { file, stored } = this.#options;
    if (bytes) await stored.save(bytes);
    else await stored.remove();
    await file.remove();
  }
}
