import { errorMessage, isCanceledError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { LoadedConfig, StoredConfig } from '../platform/stored-config.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { NodeActions } from './actions.ts';
import type { SequenceHold, Sequencer } from './engine.ts';
import type { PowerCommand } from './sequence.ts';
import { applyConfigurationSequence } from './sequences/apply-configuration.ts';
import { rebootSequence } from './sequences/reboot.ts';
import { resetSequence } from './sequences/reset.ts';
import { shutdownSequence } from './sequences/shutdown.ts';

/** How a life of the node ended. */
export interface LifeEnd {
  readonly command: PowerCommand;
  /** What the next life starts with, whatever its sources say; set when a config was applied in default mode. */
  readonly config: LoadedConfig | undefined;
}

export interface LifeControlOptions {
  readonly sequencer: Sequencer;
  readonly actions: NodeActions;
  readonly supervisor: Supervisor;
  readonly stored: StoredConfig;
  readonly log: Logger;
  /** Called once, with the first end that a sequence leads to. */
  readonly onEnd: (end: LifeEnd) => void;
}

/**
 * Runs the sequences that end a life of the node, on behalf of somebody who does not wait for them: what goes wrong is
 * in the log and in the events (sequences-and-services.md §2.3).
 */
export class LifeControl {
  readonly #options: LifeControlOptions;

  constructor(options: LifeControlOptions) {
    this.#options = options;
  }

  /** Stops everything and powers off, ending whatever sequence runs; ends the node even where that fails. */
  async shutdown(): Promise<void> {
    const { sequencer, actions, log, onEnd } = this.#options;
    const powerOff = { command: 'powerOff', config: undefined } as const;
    try {
      const command = await sequencer.run(shutdownSequence(actions), { takeover: true });
      onEnd(command ? { command, config: undefined } : powerOff);
    } catch (error) {
      log.error(`shutdown failed: ${errorMessage(error)}`);
      onEnd(powerOff);
    }
  }

  /** Stops everything and starts again, ending whatever sequence runs. */
  async reboot(): Promise<void> {
    const { sequencer, actions } = this.#options;
    await this.#run('reboot failed', () => sequencer.run(rebootSequence(actions), { takeover: true }));
  }

  /** Empties this node and ends it, beside whatever runs. */
  async reset(): Promise<void> {
    const { sequencer, actions } = this.#options;
    await this.#run('reset failed', () => sequencer.run(resetSequence(actions)));
  }

  /** Starts anew with `config`, under a lock that is already held. */
  async applyConfiguration(hold: SequenceHold, config: LoadedConfig): Promise<void> {
    const { actions, stored } = this.#options;
    const saveConfig = () => stored.save(config.bytes);
    const sequence = applyConfigurationSequence({ ...actions, saveConfig });
    await this.#run('apply configuration failed', () => hold.run(sequence), config);
  }

  async #run(failure: string, run: () => Promise<PowerCommand | undefined>, config?: LoadedConfig): Promise<void> {
    const { log, onEnd, supervisor } = this.#options;
    try {
      const command = await run();
      if (command) onEnd({ command, config });
    } catch (error) {
      log.error(`${failure}: ${errorMessage(error)}`);
      // Half way down nobody can reach the node any more: it comes up again, unless another sequence goes on.
      if (supervisor.isShutDown && !isCanceledError(error)) onEnd({ command: 'restart', config });
    }
  }
}
