import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, project, TestNode } from './support/node.ts';
import { ownerIdentity } from './support/owner.ts';
import { runProcess } from './support/process.ts';

/** Each of the four kinds of attack lasts this long: a minute in all. */
const SECONDS = 15;
const AT_ONCE = 16;
/** Connections that say nothing more, open at once. */
const HALF_OPEN = 400;
/** After this long without a finished handshake the node lets go of a connection; twice that on a busy machine. */
const HANDSHAKE_BOUND_MILLISECONDS = 20_000;
/**
 * Resident memory may grow by this much from the second to the fifteenth second of all attacks, kilobytes: what V8 lets lie
 * before it collects (docs/performance.md), and less than two kilobytes for each of the connections.
 */
const GROWTH = 96 * 1024;

const cleanup = new Cleanup();
let node: TestNode;
let talosconfig: string;
let before: number;

beforeAll(async () => {
  const [listen] = loopbackAddresses(1);
  const state = join(await cleanup.folder('robustness'), 'node');
  node = cleanup.add(await TestNode.start({ listen: listen!, state }), started => started.stop());
  talosconfig = join(state, 'talosconfig');
});
afterAll(() => cleanup.run());

async function residentKilobytes(): Promise<number> {
  const status = await readFile(`/proc/${node.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]);
}

async function version(): Promise<void> {
  const args = [join(project, 'src/main.ts'), 'ctl', '--talosconfig', talosconfig, 'version', '--short'];
  const { code, stdout } = await runProcess(process.execPath, args);
  expect({ code, says: stdout.includes('v0.9.3') }).toEqual({ code: 0, says: true });
}

/** A socket that keeps its errors to itself: being dropped is what it is for. */
function open(port: number): Socket {
  return connect({ host: node.address, port }).on('error', () => {});
}

type Attack = (port: number) => Promise<void>;

/** Repeats an attack on the ports, some at a time, until its time is over. */
async function assault(ports: readonly number[], attack: Attack, seconds = SECONDS): Promise<void> {
  const end = Date.now() + seconds * 1000;
  const worker = async (port: number) => {
    while (Date.now() < end) await attack(port);
  };
  await Promise.all(ports.flatMap(port => Array.from({ length: AT_ONCE / ports.length }, () => worker(port))));
}

const identity = async () => ownerIdentity(await readFile(talosconfig, 'utf8'));

const sendRandomBytes: Attack = async port => {
  const socket = open(port);
  socket.end(randomBytes(2000));
  await Promise.race([new Promise(resolve => socket.once('close', resolve)), delay(200)]);
  socket.destroy();
};

/** The head of a TLS record that never comes whole. */
const RECORD_HEAD = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

const stopInHandshake: Attack = async port => {
  const socket = open(port);
  socket.write(RECORD_HEAD);
  await delay(50);
  socket.destroy();
};

/** A finished handshake with the owner's certificate, then the head of a frame of 16 KiB and 100 bytes of it. */
async function truncatedFrames(): Promise<Attack> {
  const own = await identity();
  return async port => {
    const socket = connectTls({ host: node.address, port, ALPNProtocols: ['h2'], ...own }).on('error', () => {});
    await Promise.race([new Promise(resolve => socket.once('secureConnect', resolve)), delay(1000)]);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(Buffer.concat([Buffer.from([0, 0x40, 0, 1, 4, 0, 0, 0, 1]), randomBytes(100)]));
    await delay(10);
    socket.destroy();
  };
}

/** A call with a body, at the level of HTTP/2; resolves with the trailers. */
function call(session: ClientHttp2Session, path: string, body: Buffer): Promise<Record<string, unknown>> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const trailers = new Promise<Record<string, unknown>>((resolve, reject) => {
    stream.on('response', headers => headers['grpc-status'] && resolve(headers));
    stream.on('trailers', resolve).on('error', reject);
  });
  stream.resume();
  stream.end(body);
  return trailers;
}

/** The head of a gRPC message and the message. */
function message(length: number, bytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

/** Calls with messages that are none, to methods that only read. */
async function randomMessages(): Promise<Attack> {
  const own = await identity();
  const paths = ['machine.MachineService/Copy', 'machine.MachineService/Logs', 'machine.MachineService/Read'];
  paths.push('resource.ResourceService/Get', 'time.TimeService/TimeCheck', 'no.Such/Method');
  return async port => {
    const session = connectHttp2(`https://${node.address}:${port}`, own).on('error', () => {});
    try {
      for (const path of paths) {
        const bytes = Buffer.concat([Buffer.from([0xff]), randomBytes(60)]);
        const { 'grpc-status': status } = await call(session, `/${path}`, message(bytes.length, bytes));
        expect(status).not.toBe('0');
      }
    } finally {
      session.destroy();
    }
  };
}

describe('strangers and broken clients on both ports: no crash, no growth, the next call is fine', () => {
  const ATTACKS: [string, readonly number[], () => Promise<Attack>][] = [
    ['random bytes', [50000, 50001], async () => sendRandomBytes],
    ['handshakes that stop', [50000, 50001], async () => stopInHandshake],
    ['truncated frames behind a good handshake', [50000], truncatedFrames],
    ['calls with random messages', [50000], randomMessages],
  ];

  beforeAll(async () => {
    // What a node needs for the first thousands of connections is no growth.
    for (const [, ports, attack] of ATTACKS) await assault(ports, await attack(), 2);
    await version();
    before = await residentKilobytes();
  });

  test.each(ATTACKS)('%s', async (_, ports, attack) => {
    await assault(ports, await attack());
    await version();
  });

  test('the node lets go of connections that say nothing more', async () => {
    const began = Date.now();
    const sockets = Array.from({ length: HALF_OPEN }, (_, index) => open(index % 2 === 0 ? 50000 : 50001));
    const closed = sockets.map(socket => new Promise(resolve => socket.once('close', resolve).resume()));
    for (const socket of sockets) socket.write(RECORD_HEAD);
    await version();
    await Promise.all(closed);
    expect(Date.now() - began).toBeLessThan(HANDSHAKE_BOUND_MILLISECONDS);
    await version();
  });

  test('a message above four megabytes is refused by its length', async () => {
    const session = connectHttp2(`https://${node.address}:50000`, await identity()).on('error', () => {});
    const length = 6 * 1024 * 1024;
    const trailers = await call(session, '/machine.MachineService/Read', message(length, Buffer.alloc(length)));
    expect(trailers).toMatchObject({ 'grpc-status': '8' });
    session.destroy();
    await version();
  });

  test('all that left no trace in memory', async () => {
    expect((await residentKilobytes()) - before).toBeLessThan(GROWTH);
  });
});
