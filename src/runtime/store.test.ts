import { setImmediate as nextRound } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isConflictError } from '../lib/errors.ts';
import { type Reader, Sample, type Shown, storeConformance } from './conformance.ts';
import { newResource, type Resource, versionText, withMetadata, withSpec } from './resource.ts';
import { Store } from './store.ts';

const a = { namespace: 'suite', type: Sample.type, id: 'a' };

function shown({ metadata, spec }: Resource<unknown>): Shown {
  return {
    ...metadata,
    version: versionText(metadata.version),
    yaml: Sample.toYaml(spec as never, metadata.id) as string,
  };
}

function directReader(store: Store): Reader {
  return {
    get: async (type, id) => shown(store.getAt({ namespace: 'suite', type, id })),
    list: async type => store.listAt('suite', type).map(shown),
    async *watch(type, id, signal) {
      const events =
        id === undefined
          ? store.watchKindAt('suite', type, signal, true)
          : store.watchAt({ namespace: 'suite', type, id }, signal);
      for await (const event of events) {
        if (event.resource.metadata.version > 0) yield { event: event.type, resource: shown(event.resource) };
      }
    },
  };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('conformance of the store itself', () => {
  const makeSubject = async () => {
    const store = new Store();
    return { store, reader: directReader(store), close: async () => {} };
  };
  for (const scenario of storeConformance(makeSubject)) test(scenario.name, scenario.run);
});

describe('store', () => {
  test('refusals say what was expected', () => {
    const store = new Store();
    const first = store.create(newResource(Sample, 'a', { text: 'one' }));
    const texts: string[] = [];
    const attempt = (action: () => void) => {
      try {
        action();
      } catch (error) {
        texts.push(`${isConflictError(error)} ${(error as Error).message}`);
      }
    };
    attempt(() => store.create(newResource(Sample, 'a', { text: 'two' })));
    attempt(() => store.update(first, 1));
    attempt(() => store.update(withSpec(withSpec(first, { text: 'x' }), { text: 'y' }), 2));
    attempt(() => store.update(newResource(Sample, 'b', { text: 'x' }), 1));
    attempt(() => store.destroy({ ...a, id: 'b' }));
    store.addFinalizer(a, 'one', 'two');
    attempt(() => store.destroy(a));
    expect(texts).toEqual([
      'true resource Samples.suite.talos.dev(suite/a@1) already exists',
      'true resource Samples.suite.talos.dev(suite/a@1) update conflict: same "1" version for new and existing objects',
      'true resource Samples.suite.talos.dev(suite/a@3) update conflict: expected version "2", actual version "1"',
      "false resource Samples.suite.talos.dev(suite/b@undefined) doesn't exist",
      "false resource Samples.suite.talos.dev(suite/b@undefined) doesn't exist",
      'true resource Samples.suite.talos.dev(suite/a@2) has pending finalizers &[one two]',
    ]);
  });

  test('values are frozen and handed out as they are', () => {
    const store = new Store();
    const made = store.create(newResource(Sample, 'a', { text: 'one' }));
    expect(store.get(Sample, 'a')).toBe(made);
    expect(() => Object.assign(made.spec, { text: 'two' })).toThrow(TypeError);
    expect(() => Object.assign(made.metadata, { version: 7 })).toThrow(TypeError);
  });

  test('a read-modify-write is repeated when somebody else wrote meanwhile', async () => {
    const store = new Store();
    store.create(newResource(Sample, 'a', { text: '' }));
    const append = (text: string) =>
      store.updateWithConflicts(Sample, 'a', async current => {
        await Promise.resolve();
        return withSpec(current, { text: current.spec.text + text });
      });
    await Promise.all(['x', 'y', 'z'].map(append));
    const { metadata, spec } = store.get(Sample, 'a');
    expect({ version: metadata.version, letters: [...spec.text].sort() }).toEqual({
      version: 4,
      letters: ['x', 'y', 'z'],
    });
  });

  test('a watcher that falls 1000 changes behind ends with an error, others go on', async () => {
    const store = new Store();
    const stop = new AbortController();
    const slow = store.watchKind(Sample, stop.signal);
    const quick = store.watchKind(Sample, stop.signal);
    for (let turn = 0; turn < 999; turn++) store.put(Sample, 'a', { text: 'x' });
    expect((await slow.next()).value?.resource.metadata.version).toBe(1);
    for (let turn = 0; turn < 999; turn++) expect((await quick.next()).done).toBe(false);
    store.put(Sample, 'a', { text: 'x' });
    store.put(Sample, 'a', { text: 'x' });
    await expect(slow.next()).rejects.toMatchObject({ code: 'resource_exhausted' });
    expect(await slow.next()).toEqual({ value: undefined, done: true });
    expect((await quick.next()).value?.resource.metadata.version).toBe(1000);
    const last = quick.next();
    expect((await last).value?.resource.metadata.version).toBe(1001);
    const never = quick.next();
    stop.abort();
    expect((await never).done).toBe(true);
  });

  test('a watcher that left is forgotten at once, not with the next change', async () => {
    const store = new Store();
    const left = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const stop = new AbortController();
        const watch = store.watchKind(Sample, stop.signal);
        const next = watch.next();
        stop.abort();
        expect((await next).done).toBe(true);
        return new WeakRef(watch);
      }),
    );
    await nextRound(); // a WeakRef keeps its target until the turn that made it is over
    collectGarbage();
    expect(left.filter(watch => watch.deref())).toEqual([]);
    expect(store.listAt('suite', Sample.type)).toEqual([]); // the store itself is still in use
  });

  test('the first event of a missing id is a tombstone', async () => {
    const store = new Store();
    const events = store.watch(Sample, 'a', new AbortController().signal);
    expect((await events.next()).value).toEqual({
      type: 'destroyed',
      resource: { metadata: { ...a, version: 0, phase: 'running', finalizers: [] }, spec: undefined },
    });
  });

  test('watchFor waits for spec, phase and finalizers together, and for the end', async () => {
    const store = new Store();
    const { signal } = new AbortController();
    store.create(newResource(Sample, 'a', { text: 'one' }));
    store.addFinalizer(a, 'f');
    const torn = store.watchFor(Sample, 'a', { phases: ['tearingDown'], finalizersEmpty: true }, signal);
    const two = store.watchFor(Sample, 'a', { condition: ({ spec }) => spec.text === 'two' }, signal);
    const gone = store.watchFor(Sample, 'a', { events: ['destroyed'] }, signal);
    store.put(Sample, 'a', { text: 'two' });
    expect(store.teardown(a)).toBe(false);
    store.removeFinalizer(a, 'f');
    expect(store.teardown(a)).toBe(true);
    store.destroy(a);
    const versions = (await Promise.all([two, torn, gone])).map(({ metadata }) => metadata.version);
    expect(versions).toEqual([3, 5, 5]);
    const stop = new AbortController();
    const never = store.watchFor(Sample, 'a', { events: ['created'] }, stop.signal);
    stop.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
  });

  test('whatever happens, what a watcher adds up equals what is stored', async () => {
    const action = fc.record({
      id: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom('put', 'modify', 'destroy', 'teardown', 'finalize', 'release'),
      text: fc.constantFrom('x', 'y'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async actions => {
        const store = new Store();
        const stop = new AbortController();
        const events = store.watchKind(Sample, stop.signal);
        for (const { id, what, text } of actions) {
          const pointer = { ...a, id };
          const found = store.find(Sample, id);
          if (what === 'put') store.put(Sample, id, { text });
          if (what === 'modify') store.modify(Sample, id, () => ({ text }));
          if (what === 'teardown' && found) store.teardown(pointer);
          if (what === 'finalize' && found) store.addFinalizer(pointer, text);
          if (what === 'release' && found)
            store.update(withMetadata(found, { finalizers: [] }), found.metadata.version);
          if (what === 'destroy' && found?.metadata.finalizers.length === 0) store.destroy(pointer);
        }
        setImmediate(() => stop.abort());
        const view = new Map<string, unknown>();
        for await (const { type, resource } of events) {
          const { id, version } = resource.metadata;
          const before = view.get(id) as Resource<unknown> | undefined;
          if (type === 'created') expect([before, version]).toEqual([undefined, 1]);
          if (type === 'updated') expect(version).toBe(before!.metadata.version + 1);
          if (type === 'destroyed') view.delete(id);
          else view.set(id, resource);
        }
        expect([...view.values()].length).toBe(store.list(Sample).length);
        for (const resource of store.list(Sample)) expect(view.get(resource.metadata.id)).toBe(resource);
      }),
      { numRuns: 100 },
    );
  });
});
