import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTalosconfig } from '../src/config/talosconfig.ts';
import { tlsPrivateKey } from '../src/pki/keys.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, project, TestNode } from './support/node.ts';
import { runProcess } from './support/process.ts';

/** Each kind of attack lasts this long; `ROBUSTNESS_SECONDS=15` makes the whole minute. */
const SECONDS = Number(process.env.ROBUSTNESS_SECONDS ?? 3);
const AT_ONCE = 16;
/** Resident memory may grow by this much over all attacks, kilobytes. */
const GROWTH = 200 * 1024;

const cleanup = new Cleanup();
let node: TestNode;
let talosconfig: string;
let before: number;

beforeAll(async () => {
  const [listen] = loopbackAddresses(1);
  const state = join(await cleanup.folder('robustness'), 'node');
  node = cleanup.add(await TestNode.start({ listen: listen!, state }), started => started.stop());
  talosconfig = join(state, 'talosconfig');
  await version();
  before = await residentKilobytes();
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

/** Repeats `attack` on both ports, some at a time, until its time is over. */
async function assault(ports: readonly number[], attack: (port: number) => Promise<void>): Promise<void> {
  const end = Date.now() + SECONDS * 1000;
  const worker = async (port: number) => {
    while (Date.now() < end) await attack(port);
  };
  await Promise.all(ports.flatMap(port => Array.from({ length: AT_ONCE / ports.length }, () => worker(port))));
}

async function identity() {
  const { contexts } = parseTalosconfig(await readFile(talosconfig, 'utf8'));
  const { ca, crt, key } = [...contexts.values()][0]!;
  return { ca: Buffer.from(ca), cert: Buffer.from(crt), key: tlsPrivateKey(Buffer.from(key).toString()) };
}

describe('strangers and broken clients on both ports: no crash, no growth, the next call is fine', () => {
  test('random bytes', async () => {
    await assault([50000, 50001], async port => {
      const socket = open(port);
      socket.end(randomBytes(2000));
      await Promise.race([new Promise(resolve => socket.once('close', resolve)), delay(200)]);
      socket.destroy();
    });
    await version();
  });

  test('half-open connections and handshakes that stop', async () => {
    await assault([50000, 50001], async port => {
      const socket = open(port);
      // The head of a TLS record that never comes whole.
      socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
      await delay(50);
      socket.destroy();
    });
    await version();
  });

  test('truncated frames behind a good handshake', async () => {
    const own = await identity();
    await assault([50000], async port => {
      const socket = connectTls({ host: node.address, port, ALPNProtocols: ['h2'], ...own }).on('error', () => {});
      await Promise.race([new Promise(resolve => socket.once('secureConnect', resolve)), delay(1000)]);
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.concat([Buffer.from([0, 0x40, 0, 1, 4, 0, 0, 0, 1]), randomBytes(100)]));
      await delay(10);
      socket.destroy();
    });
    await version();
  });

  test('a message above four megabytes is refused by its length', async () => {
    const own = await identity();
    const session = connectHttp2(`https://${node.address}:50000`, own).on('error', () => {});
    const stream = session.request({
      ':method': 'POST',
      ':path': '/machine.MachineService/Read',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = new Promise<Record<string, unknown>>((resolve, reject) => {
      stream.on('response', headers => headers['grpc-status'] && resolve(headers));
      stream.on('trailers', resolve).on('error', reject);
    });
    stream.write(Buffer.concat([Buffer.from([0, 0x00, 0x60, 0, 0]), Buffer.alloc(0x600000)]));
    stream.end();
    expect(await trailers).toMatchObject({ 'grpc-status': '8' });
    session.destroy();
    await version();
  });

  test('all that left no trace in memory', async () => {
    expect((await residentKilobytes()) - before).toBeLessThan(GROWTH);
  });
});
