import { once } from 'node:events';
import { connect, constants, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Scope } from '../../lib/scope.ts';
import type { ForwardedCall } from '../router.ts';
import { callOn } from './call.ts';
import { frame } from './frames.ts';

let scope: Scope;
beforeEach(() => {
  scope = new Scope(error => {
    throw error;
  });
});
afterEach(() => scope.close());

/** The messages of one call to another node, which answers as `answer` says, and how it ended. */
async function outcome(
  answer: (stream: ServerHttp2Stream, socket: Socket, headers: IncomingHttpHeaders) => void,
  change: Partial<ForwardedCall> = {},
) {
  const server = createServer();
  let socket: Socket;
  server.on('connection', accepted => {
    socket = accepted;
  });
  server.on('session', session => session.on('error', () => {})); // its end is what the tests are about
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    answer(stream, socket, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => session.destroy());
  scope.add(() => {
    session.destroy();
    socket.destroy();
    server.close();
  });
  await once(session, 'remoteSettings');
  const call = {
    target: '10.5.0.3',
    path: '/machine.MachineService/Logs',
    request: Buffer.alloc(0),
    headers: {},
    deadline: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    ...change,
  };
  const seen: string[] = [];
  try {
    for await (const message of callOn(session, call, 0)) seen.push(message.toString());
  } catch (error) {
    const { code, message } = error as Error & { code?: number };
    return { seen, error: `${code} ${message}` };
  }
  return { seen, error: undefined };
}

const grpc = { ':status': 200, 'content-type': 'application/grpc' };
const said = (stream: ServerHttp2Stream, ...messages: string[]) => {
  stream.respond(grpc, { waitForTrailers: true });
  for (const message of messages) stream.write(frame(Buffer.from(message)));
};

test('messages, then the status', async () => {
  const answer = (status: Record<string, string>) => (stream: ServerHttp2Stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers(status));
    said(stream, 'one', 'two');
    stream.end();
  };
  expect(await outcome(answer({ 'grpc-status': '0' }))).toEqual({ seen: ['one', 'two'], error: undefined });
  const failed = answer({ 'grpc-status': '5', 'grpc-message': 'kein Schl%C3%BCssel' });
  expect(await outcome(failed)).toEqual({ seen: ['one', 'two'], error: '5 kein Schlüssel' });
});

test('a status alone, and something that is no gRPC', async () => {
  const refused = (stream: ServerHttp2Stream) =>
    stream.respond({ ...grpc, 'grpc-status': '12', 'grpc-message': 'no' }, { endStream: true });
  expect(await outcome(refused)).toEqual({ seen: [], error: '12 no' });
  const web = (stream: ServerHttp2Stream) => stream.respond({ ':status': 404 }, { endStream: true });
  expect(await outcome(web)).toEqual({ seen: [], error: '2 HTTP status 404' });
});

test.each(['end', 'resetAndDestroy'] as const)(
  'a node that is gone (%s) is unavailable, whatever it was saying',
  async how => {
    const nothing = (_: ServerHttp2Stream, socket: Socket) => socket[how]();
    expect(await outcome(nothing)).toEqual({ seen: [], error: expect.stringMatching(/^14 connection/) });
    const something = (stream: ServerHttp2Stream, socket: Socket) => {
      said(stream, 'one');
      setImmediate(() => socket[how]());
    };
    expect(await outcome(something)).toEqual({ seen: ['one'], error: expect.stringMatching(/^14 connection/) });
    const half = (stream: ServerHttp2Stream, socket: Socket) => {
      said(stream, 'one');
      stream.write(frame(Buffer.from('two')).subarray(0, 6), () => socket[how]());
    };
    expect(await outcome(half)).toEqual({ seen: ['one'], error: expect.stringMatching(/^14 connection/) });
  },
);

test('what the other node is told: request, metadata, and how much time is left', async () => {
  let told: IncomingHttpHeaders = {};
  const received: Buffer[] = [];
  const answer = (stream: ServerHttp2Stream, _: Socket, headers: IncomingHttpHeaders) => {
    told = headers;
    stream.on('data', (bytes: Buffer) => received.push(bytes));
    stream.on('end', () => stream.respond({ ...grpc, 'grpc-status': '0' }, { endStream: true }));
  };
  const headers = { proxyfrom: '10.5.0.2:50000', 'talosd-hop-bin': Buffer.from('hop') };
  await outcome(answer, { target: 'fd00::3', request: Buffer.from('ask'), headers, deadline: 2500 });
  expect(told).toMatchObject({
    ':method': 'POST',
    ':authority': '[fd00::3]:50000',
    ':path': '/machine.MachineService/Logs',
    'content-type': 'application/grpc',
    te: 'trailers',
    proxyfrom: '10.5.0.2:50000',
    'talosd-hop-bin': Buffer.from('hop').toString('base64'),
    'grpc-timeout': '2500m',
  });
  expect(Buffer.concat(received)).toEqual(frame(Buffer.from('ask')));
  await outcome(answer);
  expect(told[':authority']).toBe('10.5.0.3:50000');
  expect(told).not.toHaveProperty('grpc-timeout');
});

test('a call that is given up is canceled at the other node, also while nothing comes from there', async () => {
  const client = new AbortController();
  const canceled = Promise.withResolvers<number>();
  const silent = (stream: ServerHttp2Stream) => {
    stream.on('close', () => canceled.resolve(stream.rstCode));
    client.abort(new Error('the client is gone'));
  };
  expect(await outcome(silent, { signal: client.signal })).toEqual({
    seen: [],
    error: 'undefined the client is gone',
  });
  expect(await canceled.promise).toBe(constants.NGHTTP2_CANCEL);
});
