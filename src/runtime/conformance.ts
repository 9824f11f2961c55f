import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import { isNotFoundError } from '../lib/errors.ts';
import { newResource, type ResourceType, withMetadata, withSpec } from './resource.ts';
import type { Store } from './store.ts';

/** The spec of the resources that the suite stores. */
export interface SampleSpec {
  readonly text: string;
}

/** The type of the resources that the suite stores, in the namespace `suite`. */
export const Sample: ResourceType<SampleSpec> = {
  type: 'Samples.suite.talos.dev',
  display: 'suite.Sample',
  defaultNamespace: 'suite',
  toYaml: spec => `text: ${spec.text}\n`,
};

/** A resource as some reader shows it. */
export interface Shown {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
  readonly version: string;
  readonly phase: string;
  readonly finalizers: readonly string[];
  readonly yaml: string;
}

/** One event as some reader shows it. */
export interface ShownEvent {
  readonly event: 'created' | 'updated' | 'destroyed';
  readonly resource: Shown;
}

/** Something through which a store can be read: the store itself, or its gRPC API. */
export interface Reader {
  /** Fails with `not_found`. */
  get(type: string, id: string): Promise<Shown>;
  list(type: string): Promise<readonly Shown[]>;
  /** Present contents as `created`, then changes. Of a missing id nothing is shown until it appears. */
  watch(type: string, id: string | undefined, signal: AbortSignal): AsyncIterator<ShownEvent>;
}

/** A store with a way to read it. */
export interface Subject {
  readonly store: Store;
  readonly reader: Reader;
  close(): Promise<void>;
}

/** One scenario of the suite. */
export interface Scenario {
  readonly name: string;
  run(): Promise<void>;
}

const shown = (id: string, version: number, text: string, more: Partial<Shown> = {}): Shown => ({
  namespace: 'suite',
  type: Sample.type,
  id,
  version: String(version),
  phase: 'running',
  finalizers: [],
  yaml: `text: ${text}\n`,
  ...more,
});

async function take(events: AsyncIterator<ShownEvent>, count: number): Promise<ShownEvent[]> {
  const taken: ShownEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) throw new Error(`watch ended after ${taken.length} of ${count} events`);
    taken.push(value);
  }
  return taken;
}

const scenarios: Record<string, (subject: Subject, signal: AbortSignal) => Promise<void>> = {
  'a new resource has version 1, is running and can be read': async ({ store, reader }) => {
    store.create(newResource(Sample, 'a', { text: 'one' }));
    deepStrictEqual(await reader.get(Sample.type, 'a'), shown('a', 1, 'one'));
  },

  'a missing resource is not found, with its name': async ({ reader }) => {
    await rejects(reader.get(Sample.type, 'gone'), (error: Error) => {
      strictEqual(isNotFoundError(error), true);
      strictEqual(error.message, "resource Samples.suite.talos.dev(suite/gone@undefined) doesn't exist");
      return true;
    });
  },

  'a list is sorted by id, an empty one is no error': async ({ store, reader }) => {
    deepStrictEqual(await reader.list(Sample.type), []);
    for (const id of ['c', 'a', 'b', '10', '9']) store.create(newResource(Sample, id, { text: id }));
    deepStrictEqual(
      await reader.list(Sample.type),
      ['10', '9', 'a', 'b', 'c'].map(id => shown(id, 1, id)),
    );
  },

  'every change counts: spec, phase, finalizers': async ({ store, reader }) => {
    const first = store.create(newResource(Sample, 'a', { text: 'one' }));
    const second = store.update(withSpec(first, { text: 'two' }), 1);
    store.update(withMetadata(second, { finalizers: ['x', 'y'] }), 2);
    strictEqual(store.teardown(first.metadata), false);
    store.removeFinalizer(first.metadata, 'x');
    deepStrictEqual(
      await reader.get(Sample.type, 'a'),
      shown('a', 5, 'two', { phase: 'tearingDown', finalizers: ['y'] }),
    );
  },

  'a watch of a type shows what is there, then changes in order': async ({ store, reader }, signal) => {
    store.create(newResource(Sample, 'b', { text: 'b' }));
    store.create(newResource(Sample, 'a', { text: 'a' }));
    const events = reader.watch(Sample.type, undefined, signal);
    deepStrictEqual(await take(events, 2), [
      { event: 'created', resource: shown('a', 1, 'a') },
      { event: 'created', resource: shown('b', 1, 'b') },
    ]);
    store.modify(Sample, 'a', () => ({ text: 'a' }));
    store.modify(Sample, 'a', () => ({ text: 'changed' }));
    store.destroy({ namespace: 'suite', type: Sample.type, id: 'b' });
    store.create(newResource(Sample, 'b', { text: 'again' }));
    deepStrictEqual(await take(events, 3), [
      { event: 'updated', resource: shown('a', 2, 'changed') },
      { event: 'destroyed', resource: shown('b', 1, 'b') },
      { event: 'created', resource: shown('b', 1, 'again') },
    ]);
  },

  'a watch of one id shows only that id': async ({ store, reader }, signal) => {
    store.create(newResource(Sample, 'a', { text: 'a' }));
    const events = reader.watch(Sample.type, 'a', signal);
    deepStrictEqual(await take(events, 1), [{ event: 'created', resource: shown('a', 1, 'a') }]);
    store.create(newResource(Sample, 'b', { text: 'b' }));
    store.put(Sample, 'a', { text: 'a' });
    deepStrictEqual(await take(events, 1), [{ event: 'updated', resource: shown('a', 2, 'a') }]);
  },

  'a watch of a missing id shows it once it appears': async ({ store, reader }, signal) => {
    const events = reader.watch(Sample.type, 'late', signal);
    const next = take(events, 1);
    store.create(newResource(Sample, 'other', { text: 'other' }));
    store.create(newResource(Sample, 'late', { text: 'here' }));
    deepStrictEqual(await next, [{ event: 'created', resource: shown('late', 1, 'here') }]);
  },
};

/**
 * The rules of spec/resources.md §1–2 that a reader can see, as scenarios. They run against the store itself and
 * against the store seen through the resource API; `makeSubject` opens a fresh one for each scenario.
 */
export function storeConformance(makeSubject: () => Promise<Subject>): Scenario[] {
  return Object.entries(scenarios).map(([name, scenario]) => ({
    name,
    run: async () => {
      const subject = await makeSubject();
      const stop = new AbortController();
      try {
        await scenario(subject, stop.signal);
      } finally {
        stop.abort();
        await subject.close();
      }
    },
  }));
}
