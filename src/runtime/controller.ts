import type { Clock } from '../lib/clock.ts';
import type { ControllerContext } from './context.ts';
import type { Declaration } from './declaration.ts';

export { type Input, input, type Output, output } from './declaration.ts';

/**
 * Something besides resources that wakes a controller: a timer, a file, another program. Begins on each (re)start of the
 * controller and ends with `signal`. A rejection counts as a failure of the controller.
 */
export type Source = (trigger: () => void, signal: AbortSignal) => void | Promise<void>;

/**
 * Brings what it writes in line with what it reads. `reconcile` reads the whole wanted state and writes the whole result;
 * it keeps nothing between two turns. Events carry no data and coalesce: a turn may stand for many of them
 * (spec/resources.md §3.2).
 */
export interface Controller extends Declaration {
  readonly sources?: readonly Source[];
  reconcile(ctx: ControllerContext): void | Promise<void>;
}

/** A source that wakes its controller every `milliseconds`. */
export function every(milliseconds: number, clock: Clock): Source {
  return (trigger, signal) => {
    let cancel = () => {};
    const arm = () => {
      cancel = clock.after(milliseconds, () => {
        trigger();
        arm();
      });
    };
    arm();
    signal.addEventListener('abort', () => cancel(), { once: true });
  };
}
