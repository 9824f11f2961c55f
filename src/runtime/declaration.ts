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

/** What a controller says of itself: its name and its edges in the graph. */
export interface Declaration {
  /** As logged, `<package>.<Name>Controller`. */
  readonly name: string;
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
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
