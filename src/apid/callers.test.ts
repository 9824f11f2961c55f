import { expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { Callers } from './callers.ts';

test('whoever calls from another machine is remembered for a while after its last connection', async () => {
  const clock = new FakeClock();
  const callers = new Callers({ clock, isOwn: address => address === '127.0.0.1' });
  const end = callers.connected({ peer: '10.0.0.3', local: '10.0.0.2' });
  callers.connected({ peer: '127.0.0.1', local: '127.0.0.1' });
  await clock.advance(400_000);
  expect(callers.recent(300_000)).toEqual([{ peer: '10.0.0.3', local: '10.0.0.2' }]);
  end();
  await clock.advance(300_000);
  expect(callers.recent(300_000)).toHaveLength(1);
  await clock.advance(1);
  expect(callers.recent(300_000)).toEqual([]);
});

test('calls from this machine tell nothing about the way to it', () => {
  const callers = new Callers({ clock: new FakeClock(), isOwn: address => address === '10.0.0.2' });
  const heard: string[] = [];
  const stop = callers.onCall(peer => heard.push(peer));
  for (const peer of ['unix', '10.0.0.2', '10.0.0.3']) callers.called(peer);
  stop();
  callers.called('10.0.0.4');
  expect(heard).toEqual(['10.0.0.3']);
});

test('a thousand callers at most', () => {
  const callers = new Callers({ clock: new FakeClock(), isOwn: () => false });
  const open = callers.connected({ peer: 'first', local: 'a' });
  for (let number = 0; number < 1200; number++) callers.connected({ peer: `p${number}`, local: 'a' })();
  const peers = callers.recent(1000).map(({ peer }) => peer);
  expect([peers.length, peers.includes('first'), peers.includes('p0'), peers.at(-1)]).toEqual([
    1000,
    true,
    false,
    'p1199',
  ]);
  open();
});
