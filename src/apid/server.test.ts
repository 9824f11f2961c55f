import { connect as connectTcp, createServer } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Data } from '../gen/common/common.ts';
import { type MachineServiceClient, VersionResponse } from '../gen/machine/machine.ts';
import { anyLogs, Bed, failureOf, nodes, raw, summary, version } from './test-bed.ts';
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

const proxied = (value = '10.5.0.1:50000') => {
  const metadata = new Metadata();
  metadata.set('proxyfrom', value);
  return metadata;
};

describe('a call without nodes', () => {
  test('is served here, without metadata, by TLS and by the socket', async () => {
    const node = await start('v1');
    const expected = [[undefined, 'v1']];
    expect(summary(await version(await bed.client(node)))).toEqual(expected);
    expect(summary(await version(bed.unixClient(node)))).toEqual(expected);
    expect(summary(await version(await bed.client(node), proxied()))).toEqual(expected);
    expect(node.recorded.contexts.map(({ peer }) => ({ ...peer, serial: peer.serial !== '' }))).toEqual([
      { address: '127.0.0.1', subject: 'O=tester', serial: true },
      { address: 'unix', subject: '', serial: false },
      { address: '127.0.0.1', subject: 'O=tester', serial: true },
    ]);
  });

  test('fails with its own status, and unknown paths with the texts of routerd and machined', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    const call = (path: string) => failureOf(raw(client, path));
    expect(await call('/machine.MachineService/Memory')).toEqual({ code: 5, details: 'no memory' });
    expect(await call('/storage.StorageService/Disks')).toEqual({
      code: 2,
      details: 'service storage.StorageService is not defined',
    });
    expect(await call('/securityapi.SecurityService/Certificate')).toEqual({
      code: 2,
      details: 'service securityapi.SecurityService is not defined',
    });
    expect(await call('/os.OSService/Dmesg')).toEqual({ code: 12, details: 'unknown service os.OSService' });
    expect(await call('/machine.MachineService/NoSuchMethod')).toEqual({
      code: 12,
      details: 'unknown method NoSuchMethod for service machine.MachineService',
    });
    expect(await call('/machine.MachineService/Upgrade')).toEqual({
      code: 12,
      details: 'machine.MachineService/Upgrade is not available: this node has no handler for it',
    });
    expect(
      await failureOf(raw(client, '/machine.MachineService/Version', new Metadata(), Buffer.from([0xff]))),
    ).toMatchObject({
      code: 13,
    });
  });
});

describe('a call with nodes', () => {
  test('to this node alone gets its name as typed, in-process', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    expect(summary(await version(client, nodes(node.ip)))).toEqual([[node.ip, 'v1']]);
    expect(summary(await version(client, nodes(node.ip, node.ip)))).toEqual([
      [node.ip, 'v1'],
      [node.ip, 'v1'],
    ]);
    expect(node.recorded.contexts.map(({ peer, nodeCount }) => [peer.subject, nodeCount])).toEqual([
      ['O=tester', 1],
      ['O=tester', 2],
      ['O=tester', 2],
    ]);
    expect(node.lines['machined']).toHaveLength(3);
  });

  test('reaches each through one endpoint, whichever fails', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const dead = bed.address();
    const client = await bed.client(first);
    expect(summary(await version(client, nodes(first.ip, second.ip, dead)))).toEqual(
      [
        [first.ip, 'v1'],
        [second.ip, 'v2'],
        [dead, `rpc error: code = Unavailable desc = ${bed.refusedAt(dead)}`],
      ].sort(),
    );
    const unknown = VersionResponse.decode(await raw(client, '/no.such.Service/Foo', nodes(first.ip, second.ip)));
    const status = { code: 2, message: 'service no.such.Service is not defined', details: [] };
    expect(unknown.messages.map(({ metadata }) => metadata?.status)).toMatchObject([status, status]);
    // The target learns how many nodes were meant and who asked, as a claim of its peer.
    expect(second.recorded.contexts[0]).toMatchObject({ nodeCount: 3, peer: { subject: 'O=' } });
    expect(second.lines['apid']).toEqual([
      expect.stringMatching(
        /^OK \[\/machine\.MachineService\/Version\] [\d.]+[mµ]?s stream Success \(:authority=\S+;content-type=application\/grpc;proxyfrom=\S+;user-agent=talosd\)$/,
      ),
      expect.stringContaining('Unknown [/no.such.Service/Foo]'),
    ]);
  });

  test('a node that accepts and never shakes hands delays nobody, and is an error after the bound', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const hole = createServer(() => {});
    const ip = bed.address();
    await new Promise<void>(resolve => hole.listen(bed.port, ip, resolve));
    bed.scope.add(() => void hole.close());
    const client = await bed.client(first);
    const seen: [string, number][] = [];
    const began = Date.now();
    const stream = client.read({ path: '/x' }, nodes(ip, first.ip, second.ip));
    stream.on('data', ({ metadata }: Data) => seen.push([metadata!.hostname, Date.now() - began]));
    await new Promise(resolve => stream.on('end', resolve));
    expect(
      seen
        .map(([host]) => host)
        .slice(0, 2)
        .sort(),
    ).toEqual([first.ip, second.ip].sort());
    expect(seen[1]![1]).toBeLessThan(400);
    expect(seen[2]![0]).toBe(ip);
    expect(summary(await version(client, nodes(ip)))).toEqual([
      [
        ip,
        'rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: context deadline exceeded"',
      ],
    ]);
  });

  test('a reply of more than four megabytes spoils only the element of its node', async () => {
    const large = { tag: 'x'.repeat(5_000_000), sha: '', built: '', goVersion: '', os: '', arch: '' };
    const version5M = async () => ({ messages: [{ metadata: undefined, version: large, platform: undefined }] });
    const [first, second] = [await bed.node({ machine: { version: version5M } }), await start('v2')];
    const third = await bed.node({ machine: { version: version5M } });
    const tooLarge = expect.stringMatching(
      /^rpc error: code = ResourceExhausted desc = grpc: received message larger than max \(\d{7} vs\. 4194304\)$/,
    );
    const elements = summary(await version(await bed.client(first), nodes(first.ip, second.ip, third.ip)));
    expect(new Map(elements)).toEqual(
      new Map([
        [first.ip, tooLarge],
        [second.ip, 'v2'],
        [third.ip, tooLarge],
      ]),
    );
  });

  test('blanks round a name, as in -n "a, b", do not change who is meant', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const client = await bed.client(first);
    expect(summary(await version(client, nodes(first.ip, ` ${second.ip}`)))).toEqual(
      [
        [first.ip, 'v1'],
        [second.ip, 'v2'],
      ].sort(),
    );
    expect(summary(await version(client, nodes(` ${second.ip} `)))).toEqual([[second.ip, 'v2']]);
    expect(await failureOf(version(client, nodes(' ')))).toEqual({ code: 13, details: 'invalid target ""' });
  });

  test('a bad target fails the whole call before any node is asked', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    for (const target of ['', `${node.ip}:50000`, '[::1]:50000']) {
      expect(await failureOf(version(client, nodes(node.ip, target)))).toEqual({
        code: 13,
        details: `invalid target "${target}"`,
      });
    }
    expect(node.recorded.contexts).toEqual([]);
    expect(await failureOf(raw(client, '/no.such.Service/Foo', nodes(node.ip, '')))).toEqual({
      code: 13,
      details: 'invalid target ""',
    });
  });

  test('a name that does not resolve, and a certificate for another address', async () => {
    const node = await start('v1');
    const other = await start('v2');
    const client = await bed.client(node);
    const missing = summary(await version(client, nodes('no-such-host.invalid')))[0]![1];
    expect(missing).toMatch(
      /^rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing dial tcp: lookup no-such-host\.invalid( on \S+)?: (no such host|server misbehaving|i\/o timeout)"$/,
    );
    const alias = bed.address();
    const forward = createServer(socket => {
      const onward = connectTcp(bed.port, other.ip);
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>(resolve => forward.listen(bed.port, alias, resolve));
    bed.scope.add(() => void forward.close());
    expect(summary(await version(client, nodes(alias)))).toEqual([
      [
        alias,
        `rpc error: code = Unavailable desc = connection error: desc = "transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate is valid for ${other.ip}, fd00::2, not ${alias}"`,
      ],
    ]);
  });

  test('a node that comes back is reached again within seconds', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const client = await bed.client(first);
    expect(summary(await version(client, nodes(second.ip)))).toEqual([[second.ip, 'v2']]);
    await second.server.close(0);
    expect(summary(await version(client, nodes(second.ip)))[0]![1]).toContain('code = Unavailable');
    await second.server.start();
    await vi.waitFor(
      async () => expect(summary(await version(client, nodes(second.ip)))).toEqual([[second.ip, 'v2']]),
      {
        timeout: 5000,
        interval: 100,
      },
    );
  });
});

describe('streams', () => {
  test('interleave, name their nodes, and end everywhere when the client goes', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const seen = new Set<string>();
    const stream = (await bed.client(first)).logs(anyLogs, nodes(first.ip, second.ip));
    stream.on('error', () => {});
    stream.on('data', ({ metadata, bytes }: Data) => seen.add(`${metadata?.hostname} ${bytes.toString().slice(0, 2)}`));
    await vi.waitFor(() => expect([...seen].sort()).toEqual([`${first.ip} v1`, `${second.ip} v2`].sort()));
    stream.cancel();
    await vi.waitFor(() => {
      expect(first.recorded.events).toEqual(['logs ended']);
      expect(second.recorded.events).toEqual(['logs ended']);
    });
    await vi.waitFor(() => expect(first.lines['apid']!.at(-1)).toContain('Canceled [/machine.MachineService/Logs]'));
  });

  test('a failing node is one last message, the stream ends well', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const stream = (await bed.client(first)).logs({ ...anyLogs, id: 'none' }, nodes(first.ip, second.ip));
    const seen = await messages(stream);
    const error = 'rpc error: code = Unknown desc = log "none" was not registered';
    expect(seen.map(({ metadata }) => [metadata?.hostname, metadata?.error]).sort()).toEqual(
      [
        [first.ip, error],
        [second.ip, error],
      ].sort(),
    );
  });

  test('a client that does not read holds its source back, here and through another node', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const client = await bed.client(first);
    for (const node of [first, second]) {
      const stream = client.copy({ rootPath: '/' }, nodes(node.ip));
      stream.on('error', () => {});
      await new Promise<void>(resolve => stream.once('data', () => resolve(void stream.pause())));
      await stable(() => node.recorded.events.length);
      expect(node.recorded.events.length).toBeGreaterThan(1);
      expect(node.recorded.events.length).toBeLessThan(400);
      stream.cancel();
    }
  });

  test('clients who give up thousands of calls end no stream of another, through the same nodes', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const stream = (await bed.client(first)).logs(anyLogs, nodes(second.ip));
    const errors: unknown[] = [];
    let count = 0;
    stream.on('error', error => errors.push(error));
    stream.on('data', ({ metadata }: Data) => (metadata?.error ? errors.push(metadata.error) : count++));
    await vi.waitFor(() => expect(count).toBeGreaterThan(2));
    const client = await bed.client(first);
    const givenUp = async () => {
      const call = client.logs(anyLogs, nodes(second.ip));
      const ended = new Promise<void>(resolve => call.once('error', () => resolve()));
      call.once('data', () => call.cancel());
      await ended;
    };
    for (let round = 0; round < 60; round++) await Promise.all(Array.from({ length: 50 }, givenUp));
    const then = count;
    await vi.waitFor(() => expect(count).toBeGreaterThan(then + 10));
    expect(errors).toEqual([]);
    stream.cancel();
  });

  test('a leaf rotates during a stream and the stream goes on', async () => {
    const node = await start('v1');
    const stream = (await bed.client(node)).logs(anyLogs, nodes(node.ip));
    let count = 0;
    stream.on('error', () => {});
    stream.on('data', () => count++);
    await vi.waitFor(() => expect(count).toBeGreaterThan(5));
    const before = await leafSerial(node.ip);
    await node.rotate();
    expect(await leafSerial(node.ip)).not.toBe(before);
    const then = count;
    await vi.waitFor(() => expect(count).toBeGreaterThan(then + 10));
    stream.cancel();
  });
});

describe('time and order', () => {
  test('a deadline ends the call at every node', async () => {
    const [first, second] = [await start('v1'), await start('v2')];
    const client = await bed.client(first);
    const ended = new Promise<number | undefined>(resolve => {
      const deadline = Date.now() + 300;
      client.hostname({}, nodes(first.ip, second.ip), { deadline }, error => resolve(error?.code));
    });
    expect(await ended).toBe(4);
    for (const node of [first, second]) {
      await vi.waitFor(() => expect(node.recorded.events).toEqual(['hostname waits', 'hostname ended']));
      const line = 'DeadlineExceeded [/machine.MachineService/Hostname]';
      await vi.waitFor(() => expect(node.lines['apid']).toContainEqual(expect.stringContaining(line)));
    }
  });

  test('what waits for the reply begins after it, alone and through nodes', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    for (const metadata of [new Metadata(), nodes(node.ip)]) {
      const order = node.recorded.events;
      order.length = 0;
      await new Promise<void>((resolve, reject) =>
        client.reboot({}, metadata, error => (error ? reject(error) : resolve(void order.push('replied')))),
      );
      await vi.waitFor(() => expect(order).toContain('rebooting'));
      expect(order[0]).toBe('reboot asked');
      expect(order).toHaveLength(3);
    }
  });

  test('closing lets a running call end within its grace, and ends streams', async () => {
    const node = await start('v1');
    const client = await bed.client(node);
    const stream = client.logs(anyLogs);
    const ended = new Promise<number | undefined>(resolve =>
      stream.on('error', error => resolve((error as never)['code'])),
    );
    await new Promise(resolve => stream.once('data', resolve));
    stream.on('data', () => {});
    await node.server.close(50);
    expect(await ended).toBe(14);
    expect(node.recorded.events).toEqual(['logs ended']);
  });
});

function messages(stream: ReturnType<MachineServiceClient['logs']>): Promise<Data[]> {
  const seen: Data[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (message: Data) => seen.push(message));
    stream.on('error', reject);
    stream.on('end', () => resolve(seen));
  });
}

async function leafSerial(host: string): Promise<string> {
  const { ca, crt, key } = await bed.clientCertificate();
  const socket = connectTls({ host, port: bed.port, ca, cert: crt, key, checkServerIdentity: () => undefined });
  await new Promise(resolve => socket.once('secureConnect', resolve));
  const { serialNumber } = socket.getPeerX509Certificate()!;
  socket.destroy();
  return serialNumber;
}

/** Waits until a figure has not moved for a while. */
async function stable(figure: () => number): Promise<void> {
  for (let before = -1; before !== figure() || before === 0; ) {
    before = figure();
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}
