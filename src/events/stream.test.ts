import { describe, expect, test } from 'vitest';
import { SequenceEvent, TaskEvent } from '../gen/machine/machine.ts';
import { FakeClock } from '../lib/clock.ts';
import { XidGenerator } from '../lib/xid.ts';
import { publishServiceState, sequencePublisher } from './publisher.ts';
import { EventStream, type EventTail, type PublishedEvent } from './stream.ts';

function node() {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 2, 16, 15));
  const stream = new EventStream(clock, new XidGenerator(clock, { machine: 1, process: 2, counter: 3 }));
  const task = (name: string | number) => sequencePublisher(stream).task(String(name), 'START');
  return { clock, stream, task };
}

const taskName = (event: PublishedEvent) => TaskEvent.decode(event.value).task;

/** What is there at once. */
async function past(stream: EventStream, tail: EventTail): Promise<string[]> {
  const stop = new AbortController();
  const names: string[] = [];
  const reading = (async () => {
    for await (const event of stream.subscribe(tail, stop.signal)) names.push(taskName(event));
  })();
  await new Promise(resolve => setImmediate(resolve));
  stop.abort();
  await reading;
  return names;
}

describe('tails', () => {
  test('by number, by id, by time; none is the default', async () => {
    const { clock, stream, task } = node();
    task('a');
    await clock.advance(10_000);
    task('b');
    const id = stream.publish({ type: 'TaskEvent', message: { task: 'c', action: 0 } });
    await clock.advance(2_500);
    task('d');
    expect({
      none: await past(stream, {}),
      two: await past(stream, { tailEvents: 2 }),
      all: await past(stream, { tailEvents: -1 }),
      afterC: await past(stream, { tailId: id }),
      afterUnknown: await past(stream, { tailId: '00000000000000000000' }),
      threeSeconds: await past(stream, { tailSeconds: 3 }),
      tenMinutes: await past(stream, { tailSeconds: 600 }),
      negative: await past(stream, { tailSeconds: -1 }),
    }).toEqual({
      none: [],
      two: ['c', 'd'],
      all: ['a', 'b', 'c', 'd'],
      afterC: ['d'],
      afterUnknown: ['a', 'b', 'c', 'd'],
      threeSeconds: ['b', 'c', 'd'],
      tenMinutes: ['a', 'b', 'c', 'd'],
      negative: [],
    });
  });

  test('at most 990 can be read back', async () => {
    const { stream, task } = node();
    for (let index = 0; index < 2500; index++) task(index);
    const names = await past(stream, { tailEvents: -1 });
    expect([names.length, names[0], names.at(-1)]).toEqual([990, '1510', '2499']);
    expect((await past(stream, { tailEvents: 995 })).length).toBe(990);
  });

  const id = 'dc2f6runs9qs73a1lubg';
  const tailId = "WithTailID can't be specified at the same time with WithTailEvents or WithTailDuration";
  const tailDuration = "WithTailDuration can't be specified at the same time with WithTailEvents or WithTailID";
  test.each<[EventTail, string]>([
    [{ tailId: 'bad' }, 'error parsing tail_id: xid: invalid ID'],
    [{ tailId: 'bad', tailEvents: 1 }, 'error parsing tail_id: xid: invalid ID'],
    [{ tailId: id, tailEvents: -1 }, tailId],
    [{ tailId: id, tailSeconds: 1 }, tailDuration],
    [{ tailEvents: 2, tailSeconds: 1 }, tailDuration],
  ])('%j is refused', (tail, message) => {
    expect(() => node().stream.subscribe(tail)).toThrow(message);
  });
});

test('a subscriber gets what is published after its call and waits for more', async () => {
  const { stream, task } = node();
  const events = stream.subscribe({})[Symbol.asyncIterator]();
  task('before the first pull');
  const first = await events.next();
  const second = events.next();
  task('while waiting');
  expect([taskName(first.value), taskName((await second).value)]).toEqual(['before the first pull', 'while waiting']);
});

test('a subscriber that falls 1000 behind ends without an error; one at 999 does not', async () => {
  const { stream, task } = node();
  const slow = stream.subscribe({})[Symbol.asyncIterator]();
  task('seen');
  const almost = stream.subscribe({})[Symbol.asyncIterator]();
  for (let index = 0; index < 999; index++) task(index);
  expect([await slow.next(), taskName((await almost.next()).value)]).toEqual([{ done: true, value: undefined }, '0']);
});

test('messages carry what the sequencer and the supervisor say', async () => {
  const { stream } = node();
  const sequences = sequencePublisher(stream);
  sequences.sequence('boot', 'NOOP', { code: 'LOCKED', message: 'sequence not started: locked' });
  sequences.phase('env', 'STOP');
  sequences.restart(0x4321fedcn);
  const health = { unknown: true, healthy: false, lastMessage: '', lastChange: undefined };
  publishServiceState(stream, { service: 'apid', state: 'Preparing', message: 'Running pre state', health });
  const events = stream.subscribe({ tailEvents: -1 })[Symbol.asyncIterator]();
  const seen: PublishedEvent[] = [];
  for (let index = 0; index < 4; index++) seen.push((await events.next()).value);
  expect(seen.map(({ typeUrl }) => typeUrl)).toEqual([
    'talos/runtime/machine.SequenceEvent',
    'talos/runtime/machine.PhaseEvent',
    'talos/runtime/machine.RestartEvent',
    'talos/runtime/machine.ServiceStateEvent',
  ]);
  expect(SequenceEvent.decode(seen[0]!.value)).toMatchObject({
    sequence: 'boot',
    action: 0,
    error: { code: 1, message: 'sequence not started: locked', details: [] },
  });
  expect(seen.slice(1).map(({ event }) => event.message)).toEqual([
    { phase: 'env', action: 1 },
    { cmd: 0x4321fedcn },
    { service: 'apid', action: 1, message: 'Running pre state', health },
  ]);
});
