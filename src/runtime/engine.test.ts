import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { Scope } from '../lib/scope.ts';
import { type Controller, every, input, output } from './controller.ts';
import { ControllerEngine } from './engine.ts';
import { newResource, type ResourceType } from './resource.ts';
import { Store } from './store.ts';
import { TestRuntime } from './testing.ts';

interface Word {
  readonly text: string;
}

const wordType = (name: string): ResourceType<Word> => ({
  type: `${name}.test.talos.dev`,
  display: `test.${name}`,
  defaultNamespace: 'test',
  toYaml: spec => `text: ${spec.text}\n`,
});
const Words = wordType('Words');
const Shouts = wordType('Shouts');
const Counts = wordType('Counts');

const shouting: Controller = {
  name: 'test.ShoutController',
  inputs: [input(Words)],
  outputs: [output(Shouts)],
  reconcile(ctx) {
    const shouts = ctx
      .list(Words)
      .map(({ metadata, spec }) => [metadata.id, { text: spec.text.toUpperCase() }] as const);
    ctx.writeAll(Shouts, new Map(shouts));
  },
};

const counting: Controller = {
  name: 'test.CountController',
  inputs: [input(Shouts)],
  outputs: [output(Counts)],
  reconcile: ctx => void ctx.write(Counts, 'all', { text: String(ctx.list(Shouts).length) }),
};

const controller = (more: Partial<Controller>): Controller => ({
  name: 'test.OtherController',
  inputs: [],
  outputs: [],
  reconcile: () => {},
  ...more,
});

const texts = (store: Store, type: ResourceType<Word>) =>
  store.list(type).map(({ metadata, spec }) => `${metadata.id}@${metadata.version}=${spec.text}`);

describe('controllers', () => {
  test('a chain follows its inputs, writes only what differs and removes what is gone', async () => {
    const runtime = new TestRuntime(counting, shouting);
    const { store } = runtime;
    await runtime.settle();
    expect(texts(store, Counts)).toEqual(['all@1=0']);
    store.put(Words, 'a', { text: 'hi' });
    store.put(Words, 'b', { text: 'ho' });
    await runtime.settle();
    expect([texts(store, Shouts), texts(store, Counts)]).toEqual([['a@1=HI', 'b@1=HO'], ['all@2=2']]);
    store.put(Words, 'a', { text: 'Hi' });
    store.put(Words, 'b', { text: 'hey' });
    store.destroy(store.get(Words, 'a').metadata);
    await runtime.settle();
    expect([texts(store, Shouts), texts(store, Counts)]).toEqual([['b@2=HEY'], ['all@3=1']]);
    await runtime.scope.close();
    expect(runtime.lines.sort()).toEqual([
      'test.CountController: controller finished',
      'test.CountController: controller starting',
      'test.ShoutController: controller finished',
      'test.ShoutController: controller starting',
    ]);
  });

  test('triggers coalesce, an input with an id wakes for that id only, a source and the controller itself wake it too', async () => {
    let turns = 0;
    const clock = new FakeClock();
    const runtime = new TestRuntime(
      controller({
        inputs: [input(Words, { id: 'a' })],
        sources: [every(1000, clock)],
        reconcile: ctx => {
          if (++turns === 5) ctx.queueReconcile();
        },
      }),
    );
    const seen: number[] = [];
    const step = async (action: () => unknown) => {
      await action();
      await runtime.settle();
      seen.push(turns);
    };
    await step(() => {});
    await step(() => runtime.store.put(Words, 'b', { text: '' }));
    await step(() => {
      for (let time = 0; time < 10; time++) runtime.store.put(Words, 'a', { text: '' });
    });
    await step(() => clock.advance(1000));
    await step(() => clock.advance(500));
    await step(() => runtime.store.addFinalizer(runtime.store.get(Words, 'a').metadata, 'f'));
    await step(() => clock.advance(500));
    expect(seen).toEqual([1, 1, 2, 3, 3, 4, 6]);
  });

  test('failures wait longer and longer, a success starts over, mistakes show their stack', async () => {
    const clock = new FakeClock();
    const store = new Store();
    const lines: string[] = [];
    const engine = new ControllerEngine({ store, clock, log: line => lines.push(line), random: () => 0.5 });
    const failures: unknown[] = [
      new Error('one'),
      new TalosdError('unknown', 'two'),
      new TypeError('three'),
      undefined,
      new Error('four'),
    ];
    engine.register(
      controller({
        inputs: [input(Words)],
        reconcile: () => {
          const failure = failures.shift();
          if (failure) throw failure;
        },
      }),
    );
    const scope = new Scope();
    engine.start(scope);
    await clock.advance(0);
    await clock.advance(499);
    await clock.advance(1);
    await clock.advance(750);
    await clock.advance(1125);
    expect(failures.length).toBe(1);
    store.put(Words, 'a', { text: 'x' });
    await clock.advance(0);
    await scope.close();
    const start = new Date(Date.UTC(2026, 0, 1));
    const two = (value: number) => String(value).padStart(2, '0');
    const date = `${start.getFullYear()}/${two(start.getMonth() + 1)}/${two(start.getDate())}`;
    const time = `${two(start.getHours())}:${two(start.getMinutes())}:00`;
    expect(lines[0]).toBe(`${date} ${time}  test.OtherController: controller starting`);
    const messages = lines.map(line => line.slice(21).split('\n').slice(0, 2).join('|'));
    expect(messages.map(message => message.replace('test.OtherController: ', ''))).toEqual([
      'controller starting',
      'controller failed: one',
      'restarting controller in 500ms',
      'controller starting',
      'controller failed: two',
      'restarting controller in 750ms',
      'controller starting',
      'controller failed: controller "test.OtherController" panicked: three|',
      'restarting controller in 1.125s',
      'controller starting',
      'controller failed: four',
      'restarting controller in 500ms',
      'controller finished',
    ]);
  });

  test('a failing source fails its controller, which begins it again', async () => {
    let begun = 0;
    const runtime = new TestRuntime(
      controller({ sources: [async () => (++begun === 1 ? Promise.reject(new Error('no socket')) : undefined)] }),
    );
    await runtime.settle();
    await runtime.clock.advance(500);
    await runtime.settle();
    expect([begun, runtime.lines[1]]).toEqual([2, 'test.OtherController: controller failed: no socket']);
  });

  test('a controller may touch only what it declared', async () => {
    const refusals: string[] = [];
    const attempt = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        refusals.push(errorMessage(error));
      }
    };
    const words = { namespace: 'test', type: Words.type, id: 'a' };
    const runtime = new TestRuntime(
      controller({
        name: 'x',
        inputs: [input(Words, { id: 'a' })],
        outputs: [output(Shouts)],
        reconcile: async ctx => {
          ctx.find(Words, 'a');
          ctx.list(Shouts);
          attempt(() => ctx.get(Words, 'b'));
          attempt(() => ctx.list(Words));
          attempt(() => ctx.get(Shouts, 'a', 'elsewhere'));
          await ctx.watchFor(Words, 'a', {}).catch(error => refusals.push(errorMessage(error)));
          attempt(() => ctx.write(Words, 'a', { text: '' }));
          attempt(() => ctx.teardown(Words, 'a'));
          attempt(() => ctx.destroy(Words, 'a'));
          attempt(() => ctx.addFinalizer(words, 'f'));
          attempt(() => ctx.removeFinalizer(words, 'f'));
        },
      }),
    );
    await runtime.settle();
    const query = (place: string) => `attempt to query resource ${place}, not watched or managed by controller "x"`;
    const managed = '"test"/"Words.test.talos.dev"';
    expect(refusals).toEqual([
      query(managed),
      query(managed),
      query('"elsewhere"/"Shouts.test.talos.dev"'),
      query(managed),
      ...['update', 'teardown', 'destroy'].map(
        action => `resource ${managed} is not managed by controller "x", ${action} attempted on "a"`,
      ),
      ...['add', 'remove'].map(
        () =>
          `attempt to change finalizers for resource ${managed}, not watched with Strong dependency by controller "x"`,
      ),
    ]);
  });

  test('of a shared output a controller changes only what it created', async () => {
    const share = (name: string, id: string): Controller =>
      controller({
        name,
        inputs: [input(Words)],
        outputs: [output(Shouts, { kind: 'shared' })],
        reconcile: ctx => {
          const words = ctx.list(Words).map(({ metadata }) => metadata.id);
          const mine = words.filter(word => word.startsWith(id));
          ctx.writeAll(Shouts, new Map(mine.map(word => [word, { text: name }])));
          if (words.includes('steal')) ctx.write(Shouts, 'b1', { text: 'stolen' });
        },
      });
    const runtime = new TestRuntime(share('A', 'a'), share('B', 'b'));
    const { store } = runtime;
    for (const id of ['a1', 'a2', 'b1']) store.put(Words, id, { text: '' });
    await runtime.settle();
    store.destroy(store.get(Words, 'a2').metadata);
    await runtime.settle();
    expect(texts(store, Shouts)).toEqual(['a1@1=A', 'b1@1=B']);
    store.put(Words, 'steal', { text: '' });
    await runtime.settle();
    expect(texts(store, Shouts)).toEqual(['a1@1=A', 'b1@2=stolen']);
    expect(runtime.lines.filter(line => line.includes('failed'))).toEqual([
      'A: controller failed: resource Shouts.test.talos.dev(test/b1@undefined) was not created by controller "A", update attempted',
    ]);
  });

  test('all specs of a shared output are refused together where one of them belongs to another controller', async () => {
    const first = controller({
      name: 'A',
      outputs: [output(Shouts, { kind: 'shared' })],
      reconcile: ctx => ctx.writeAll(Shouts, new Map([['taken', { text: 'A' }]])),
    });
    const second = controller({
      name: 'B',
      inputs: [input(Words)],
      outputs: [output(Shouts, { kind: 'shared' })],
      reconcile: ctx => {
        const words = ctx.list(Words).map(({ metadata }) => [metadata.id, { text: 'B' }] as const);
        ctx.writeAll(Shouts, new Map(words));
      },
    });
    const runtime = new TestRuntime(first, second);
    await runtime.settle();
    for (const id of ['new', 'taken']) runtime.store.put(Words, id, { text: '' });
    await runtime.settle();
    expect(texts(runtime.store, Shouts)).toEqual(['taken@1=A']);
    expect(runtime.lines.filter(line => line.includes('failed'))).toEqual([
      'B: controller failed: resource Shouts.test.talos.dev(test/taken@undefined) was not created by controller "B", update attempted',
    ]);
  });

  test('strong inputs permit finalizers; what has some is torn down before it goes', async () => {
    const holding = controller({
      inputs: [input(Shouts, { kind: 'strong' })],
      reconcile: ctx => {
        for (const { metadata } of ctx.list(Shouts)) {
          if (metadata.phase === 'running') ctx.addFinalizer(metadata, 'held');
        }
        ctx.removeFinalizer({ namespace: 'test', type: Shouts.type, id: 'missing' }, 'held');
      },
    });
    const runtime = new TestRuntime(shouting, holding);
    const { store } = runtime;
    store.put(Words, 'a', { text: 'x' });
    await runtime.settle();
    store.destroy(store.get(Words, 'a').metadata);
    await runtime.settle();
    const left = store.get(Shouts, 'a').metadata;
    expect([left.phase, left.finalizers]).toEqual(['tearingDown', ['held']]);
  });

  test('the graph has what is managed first, then the inputs of what has started', () => {
    const engine = new ControllerEngine({ store: new Store(), clock: new FakeClock(), log: () => {} });
    engine.register(shouting);
    engine.register(controller({ inputs: [input(Words, { id: 'b', kind: 'strong' }), input(Words, { id: 'a' })] }));
    engine.register(counting);
    const rows = () => engine.dependencies().map(edge => Object.values(edge).join(' '));
    const manages = [
      'test.CountController manages test Counts.test.talos.dev ',
      'test.ShoutController manages test Shouts.test.talos.dev ',
    ];
    expect(rows()).toEqual(manages);
    const scope = new Scope();
    engine.start(scope);
    expect(rows()).toEqual([
      ...manages,
      'test.CountController weak test Shouts.test.talos.dev ',
      'test.OtherController weak test Words.test.talos.dev a',
      'test.OtherController strong test Words.test.talos.dev b',
      'test.ShoutController weak test Words.test.talos.dev ',
    ]);
    expect(() => engine.register(shouting)).toThrow('controller "test.ShoutController" already registered');
    expect(() => engine.register(controller({ name: 'y', outputs: [output(Counts, { kind: 'shared' })] }))).toThrow(
      'error initializing controller "y" adapter: error registering in dependency database: ' +
        'duplicate controller managed link: ("test", "Counts.test.talos.dev") -> "test.CountController"',
    );
    return scope.close();
  });

  test('whatever the order of changes, the chain ends at the same result', async () => {
    const change = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('x', 'y', undefined), fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async changes => {
        const runtime = new TestRuntime(counting, shouting);
        const { store } = runtime;
        for (const [id, text, pause] of changes) {
          if (text) store.put(Words, id, { text });
          else if (store.find(Words, id)) store.destroy(newResource(Words, id, { text: '' }).metadata);
          if (pause) await runtime.settle();
        }
        await runtime.settle();
        const words = store.list(Words).map(({ metadata, spec }) => [metadata.id, spec.text.toUpperCase()]);
        expect(store.list(Shouts).map(({ metadata, spec }) => [metadata.id, spec.text])).toEqual(words);
        expect(store.get(Counts, 'all').spec.text).toBe(String(words.length));
      }),
      { numRuns: 50 },
    );
  });
});
