import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../lib/clock.ts';
import { Scope } from '../../lib/scope.ts';
import { PeerSession } from './session.ts';

let scope: Scope;
beforeEach(() => {
  scope = new Scope(error => {
    throw error;
  });
});
afterEach(() => scope.close());

/** A session with another node, here a bare HTTP/2 server; `freeze` lets nothing more of it through. */
async function open() {
  const server = createServer();
  const sockets: Socket[] = [];
  const between = createTcpServer(near => {
    const far = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
    near.pipe(far).pipe(near);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => socket.destroy()); // one end closed under the other
  });
  between.listen(0, '127.0.0.1');
  const accepted = once(server, 'session') as Promise<[ServerHttp2Session]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  if (!between.listening) await once(between, 'listening');
  const http2 = connect(`http://127.0.0.1:${(between.address() as AddressInfo).port}`);
  const [[other]] = await Promise.all([accepted, once(http2, 'remoteSettings')]);
  other.on('error', () => {}); // its end is what the tests look for
  scope.add(() => {
    http2.destroy();
    other.destroy();
    server.close();
    between.close();
    for (const socket of sockets) socket.destroy();
  });
  const clock = new FakeClock();
  const closed = Promise.withResolvers<void>();
  const session = new PeerSession(http2, clock, () => closed.resolve());
  const freeze = () => sockets[1]!.unpipe().pause();
  return { other, clock, session, closed: closed.promise, freeze };
}

/** What a ping takes on a real socket, without a look at the clock. */
async function pinged(other: ServerHttp2Session, clock: FakeClock): Promise<void> {
  const ping = once(other, 'ping');
  await clock.advance(10_000);
  await ping;
  await new Promise<void>(resolve => other.ping(() => resolve())); // answers arrive in order: ours is there too
}

test('a node that answers its pings is kept, and let go after five minutes without a call', async () => {
  const { other, clock, session, closed } = await open();
  session.enter();
  for (let turn = 0; turn < 6; turn++) await pinged(other, clock);
  expect(session.isUsable).toBe(true);
  session.leave();
  for (let turn = 0; turn < 29; turn++) await pinged(other, clock);
  expect(session.isUsable).toBe(true);
  await clock.advance(10_000);
  await closed;
  expect(session.isUsable).toBe(false);
});

test('a node that answers no more is dropped fifteen seconds later, with the calls on it', async () => {
  const { other, clock, session, closed, freeze } = await open();
  const stream = session.http2.request({ ':path': '/', ':method': 'POST' });
  const ended = once(stream, 'close');
  stream.on('error', () => {}); // the end counts here, not its reason
  session.enter();
  await pinged(other, clock);
  freeze();
  await clock.advance(14_999);
  expect(session.isUsable).toBe(true);
  await clock.advance(1);
  await Promise.all([closed, ended]);
  expect(session.isUsable).toBe(false);
});

test('a node that says it goes away gets no new call, and is left when the last one has ended', async () => {
  const { other, session, closed } = await open();
  session.enter();
  const gone = once(session.http2, 'goaway');
  other.goaway();
  await gone;
  expect([session.isUsable, session.http2.destroyed]).toEqual([false, false]);
  session.leave();
  await closed;
});
