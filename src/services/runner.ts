import type { Clock } from '../lib/clock.ts';
import { errorMessage } from '../lib/errors.ts';
import type { RecordState } from './state.ts';

/** Runs the thing that a service is: a process, a container, a part of this process. */
export interface Runner {
  /** As messages name it: `Process(["/bin/containerd" "--address" …])`, `Containerd(apid)`, `Goroutine("machined")`. */
  readonly name: string;
  /** Process id of what runs now. */
  readonly pid: number | undefined;
  /** Makes ready what every run needs. */
  open(): Promise<void>;
  /**
   * Runs once, recording `Running` when it has started. Resolves at a clean end, rejects at a crash or a failed start. When
   * `stop` aborts it records `Stopping`, ends what runs (politely first, by force after ten seconds) and resolves.
   */
  run(record: RecordState, stop: AbortSignal): Promise<void>;
  /** Ends what runs now as if somebody had sent it SIGTERM; false when nothing runs. */
  terminate(): boolean;
  /** Undoes `open`. */
  close(): Promise<void>;
}

const PAUSE = 5_000;

/**
 * Runs `runner` again whenever it ends, after five seconds, without limit (sequences-and-services.md §3.6). Resolves only after
 * `stop` aborted.
 */
export function restartForever(runner: Runner, clock: Clock): Runner {
  const run = async (record: RecordState, stop: AbortSignal) => {
    while (!stop.aborted) {
      try {
        await runner.run(record, stop);
        if (stop.aborted) return;
        record('Waiting', `Runner ${runner.name} exited without error, going to restart it`);
      } catch (error) {
        if (stop.aborted) throw error;
        record('Waiting', `Error running ${runner.name}, going to restart forever: ${errorMessage(error)}`);
      }
      await clock.sleep(PAUSE, stop).catch(error => {
        if (!stop.aborted) throw error;
        record('Stopping', 'Aborting restart sequence');
      });
    }
  };
  return {
    name: runner.name,
    get pid() {
      return runner.pid;
    },
    open: () => runner.open(),
    run,
    terminate: () => runner.terminate(),
    close: () => runner.close(),
  };
}

/** What is left of a promise that may fail: its error in an object, so that a race can tell an end from a time limit. */
export type Ending = { readonly error?: unknown };

/** Turns the end of `work`, good or bad, into data. */
export function endingOf(work: Promise<unknown>): Promise<Ending> {
  return work.then(
    () => ({}),
    error => ({ error }),
  );
}

/** The ending, or undefined when it does not come within `milliseconds`. */
export async function endingWithin(
  ending: Promise<Ending>,
  milliseconds: number,
  clock: Clock,
): Promise<Ending | undefined> {
  let cancel = () => {};
  const late = new Promise<undefined>(resolve => {
    cancel = clock.after(milliseconds, () => resolve(undefined));
  });
  try {
    return await Promise.race([ending, late]);
  } finally {
    cancel();
  }
}
