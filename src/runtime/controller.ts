import type { Clock } from '../lib/clock.ts';
import type { ControllerContext } from './context.ts';
import type { ResourceType } from './resource.ts';

/** What a controller reads, and what wakes it: a type, or one id of it. `strong` also permits changing finalizers. */
export interface Input {
  readonly namespace: string;
  readonly type: string;
  readonly id?: string;
  readonly kind: 'weak' | 'strong';
}

/** What a controller writes. Of a shared output it may change only what it created itself. */
export interface Output {
  readonly namespace: string;
  readonly type: string;
  readonly kind: 'exclusive' | 'shared';
}

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
export interface Controller {
  /** As logged, `<package>.<Name>Controller`. */
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
  readonly sources?: readonly Source[];
  reconcile(ctx: ControllerContext): void | Promise<void>;
}

/** An input of `type`; weak, of all ids and in its default namespace unless said otherwise. */
export function input(
  type: ResourceType<never>,
  options: { id?: string; namespace?: string; kind?: Input['kind'] } = {},
): Input {
  const { id, namespace = type.defaultNamespace, kind = 'weak' } = options;
  return { namespace, type: type.type, kind, ...(id === undefined ? {} : { id }) };
}

/** An output of `type`; exclusive and in its default namespace unless said otherwise. */
export function output(type: ResourceType<never>, options: { namespace?: string; kind?: Output['kind'] } = {}): Output {
  const { namespace = type.defaultNamespace, kind = 'exclusive' } = options;
  return { namespace, type: type.type, kind };
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
