import { connect as connectTls } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type MachineServiceClient, ServiceStopRequest } from '../gen/machine/machine.ts';
import { Bed, createAuthority, failureOf, nodes, raw, summary, version } from './test-bed.ts';
import { testHandlers } from './test-handlers.ts';

let bed: Bed;
beforeEach(async () => {
  bed = await Bed.create();
});
afterEach(() => bed.scope.close());

async function start(tag: string) {
  const { handlers, recorded } = testHandlers(tag);
  return { ...(await bed.node(handlers)), recorded };
}

describe('who may call', () => {
  test('no certificate, a foreign one and an expired one are refused in the handshake', async () => {
    const node = await start('v1');
    const own = await bed.clientCertificate();
    const foreign = { ...(await bed.clientCertificate(await createAuthority())), ca: own.ca };
    const expired = await bed.clientCertificate(bed.ca, -1, 2);
    for (const identity of [foreign, expired]) {
      expect(await failureOf(version(await bed.client(node, identity)))).toMatchObject({ code: 14 });
    }
    const bare = connectTls({ host: node.ip, port: bed.port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    await new Promise(resolve => bare.on('error', resolve));
    expect(summary(await version(await bed.client(node)))).toEqual([[undefined, 'v1']]);
    expect(await node.audit()).toMatchObject([{ event: 'refused handshake', address: '127.0.0.1' }]);
  });
});

describe('the audit log', () => {
  test('has a line at each hop of a change, tied by the call, and one for what was refused', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const dead = bed.address();
    const client = await bed.client(first);
    const startService = (id: string, metadata: Metadata) =>
      new Promise<void>(resolve => client.serviceStart({ id }, metadata, () => resolve()));
    await version(client, nodes(first.ip, second.ip));
    await startService('etcd', nodes(first.ip, second.ip, dead));
    await startService('none', new Metadata());
    await failureOf(raw(client, '/storage.StorageService/Disks'));
    const [self, entry, direct, unknown, ...rest] = await first.audit();
    const [target, ...others] = await second.audit();
    const method = '/machine.MachineService/ServiceStart';
    const peer = { address: '127.0.0.1', subject: 'O=tester', serial: expect.stringMatching(/^[0-9a-f]+$/) };
    const request = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    expect(self).toMatchObject({ hop: 'self', method, peer, request, outcome: 'OK' });
    expect(entry).toMatchObject({ hop: 'entry', method, peer, request, outcome: 'OK' });
    expect(entry).toMatchObject({ nodes: [first.ip, second.ip, dead], call: self!['call'] });
    expect(entry!['failed']).toEqual([{ node: dead, outcome: 'Unavailable', error: bed.refusedAt(dead) }]);
    expect(target).toMatchObject({
      hop: 'target',
      method,
      request: entry!['request'],
      outcome: 'OK',
      call: self!['call'],
    });
    expect(target).toMatchObject({ peer: { subject: 'O=' }, claimed: peer });
    expect(direct).toMatchObject({ hop: 'direct', outcome: 'Unknown', error: 'service "none" is not registered' });
    expect(unknown).toMatchObject({ hop: 'direct', method: '/storage.StorageService/Disks', outcome: 'Unknown' });
    expect([rest, others]).toEqual([[], []]);
  });
});

describe('long texts that a caller chose', () => {
  const long = 'x'.repeat(2_000_000);
  const stop = (client: MachineServiceClient, metadata: Metadata) =>
    raw(
      client,
      '/machine.MachineService/ServiceStop',
      metadata,
      Buffer.from(ServiceStopRequest.encode({ id: long }).finish()),
    );

  test('neither end the connection nor make lines that stop their readers', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    const { code, details } = await failureOf(stop(client, new Metadata()));
    expect([code, details.length < 33_000, details.slice(0, 20)]).toEqual([2, true, 'service "xxxxxxxxxxx']);
    const dead = Array.from({ length: 400 }, () => bed.address());
    await stop(client, nodes(node.ip, ...dead));
    expect(summary(await version(client))).toEqual([[undefined, 'v1']]);
    const lines = (await node.audit()).map(record => JSON.stringify(record));
    expect(lines.map(line => line.length < 60_000)).toEqual([true, true, true]);
    const { failed, ...entry } = JSON.parse(lines[2]!) as Record<string, unknown> & { failed: unknown[] };
    expect(failed.length).toBeGreaterThan(50);
    expect(entry).toMatchObject({ nodes: [node.ip, ...dead], omitted: { nodes: 0, failed: 401 - failed.length } });
  });
});

describe('what is not gRPC', () => {
  test('random bytes, cut frames and oversized messages end their connection or call, and nothing else', async () => {
    const node = await start('v1');
    const { ca, crt, key } = await bed.clientCertificate();
    const junk = [
      Buffer.alloc(4096, 0xff),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      PREFACE_AND_CUT_HEADERS,
      Buffer.alloc(0),
    ];
    for (const bytes of junk) {
      const socket = connectTls({
        host: node.ip,
        port: bed.port,
        ca,
        cert: crt,
        key,
        checkServerIdentity: () => undefined,
        ALPNProtocols: ['h2'],
      });
      socket.on('error', () => {});
      await new Promise(resolve => socket.once('secureConnect', resolve));
      socket.write(bytes);
      const closed = new Promise(resolve => socket.once('close', resolve));
      socket.resume();
      if (bytes === junk[0]) await closed;
      else socket.destroy();
    }
    const client = await bed.client(node);
    const large = raw(client, '/machine.MachineService/Version', new Metadata(), Buffer.alloc(5 * 1024 * 1024));
    expect(await failureOf(large)).toMatchObject({ code: 8 });
    expect(summary(await version(client))).toEqual([[undefined, 'v1']]);
  });
});

const PREFACE_AND_CUT_HEADERS = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
  Buffer.from('0000ff010400000001', 'hex'),
]);
