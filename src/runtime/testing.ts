import { setImmediate as nextRound } from 'node:timers/promises';
import { FakeClock } from '../lib/clock.ts';
import { Scope } from '../lib/scope.ts';
import type { Controller } from './controller.ts';
import { ControllerEngine } from './engine.ts';
import { Store } from './store.ts';

/** A real runtime for tests of controllers: create resources, `settle`, look at the result. */
export class TestRuntime {
  readonly store = new Store();
  readonly clock = new FakeClock();
  readonly scope = new Scope();
  /** The log without dates. */
  readonly lines: string[] = [];
  readonly engine: ControllerEngine;

  constructor(...controllers: readonly Controller[]) {
    this.engine = new ControllerEngine({
      store: this.store,
      clock: this.clock,
      log: line => this.lines.push(line.slice('YYYY/MM/DD HH:MM:SS  '.length)),
      random: () => 0.5,
    });
    for (const controller of controllers) this.engine.register(controller);
    this.engine.start(this.scope);
  }

  /** Resolves when no controller has anything to do until something changes. */
  async settle(): Promise<void> {
    const deadline = Date.now() + 10_000;
    do {
      await nextRound();
      if (Date.now() > deadline)
        throw new Error(`controllers do not come to rest:\n${this.lines.slice(-20).join('\n')}`);
    } while (this.engine.busy);
  }
}
