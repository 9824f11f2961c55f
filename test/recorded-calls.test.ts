import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SERVICES } from '../src/apid/methods.ts';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, type TestNode } from './support/node.ts';
import { ownerIdentity } from './support/owner.ts';
import recording from './testdata/talosctl-calls.json' with { type: 'json' };

/** What a recorded command asks for, and what of the answer it needs. */
interface Expectation {
  /** The request, decoded. */
  readonly request: object;
  /** Parts of the first element of the answer; every element has the node's name in its metadata besides. */
  readonly answer?: object;
  /** The error that the node's element carries. */
  readonly error?: string | RegExp;
  /** Of an endless stream: how much of it is read before the client hangs up. */
  readonly messages?: number;
}

const NO_CRI = /^rpc error: code = Unknown desc = error connecting to CRI: /;
const NO_ETCD =
  'rpc error: code = Unknown desc = failed to create etcd client: service "etcd" does not run on this node';
const IN_CONTAINER = 'rpc error: code = Unknown desc = method is not supported in container mode';
const any = expect.anything();
const aBigint = expect.any(BigInt);
const text = expect.any(String);
const bytes = expect.any(Uint8Array);
const system = { namespace: 'system', driver: 0 };
const k8s = { namespace: 'k8s.io', driver: 1 };
const services = { namespace: '', type: 'services' };
const ownPart = { namespace: 'system', id: 'apid' };

const EXPECTED: Readonly<Record<string, Expectation>> = {
  version: { request: {}, answer: { version: { tag: 'v0.9.3', arch: text, os: 'linux' }, platform: any } },
  service: { request: {}, answer: { services: expect.arrayContaining([expect.objectContaining({ id: 'apid' })]) } },
  'restart trustd': { request: { ...system, id: 'trustd' }, answer: {} },
  'service trustd start': { request: { id: 'trustd' }, answer: { resp: 'Service "trustd" started' } },
  'list -l -r -d 1 /etc/ssl': {
    request: { root: '/etc/ssl', recurse: true, recursionDepth: 1, types: [] },
    answer: { name: '/etc/ssl', relativeName: '.', isDir: true, mode: expect.any(Number), modified: aBigint },
  },
  'usage -a -d 1 /etc/ssl': {
    request: { recursionDepth: 1, all: true, threshold: 0n, paths: ['/etc/ssl'] },
    answer: { size: aBigint },
  },
  'read /etc/hostname': { request: { path: '/etc/hostname' }, answer: { bytes } },
  'copy /etc/ssl DESTINATION': { request: { rootPath: '/etc/ssl' }, answer: { bytes } },
  'logs --tail 3 machined': { request: { ...system, id: 'machined', follow: false, tailLines: 3 }, answer: { bytes } },
  'logs -f --tail 1 apid': {
    request: { ...system, id: 'apid', follow: true, tailLines: 1 },
    answer: { bytes },
    messages: 1,
  },
  'logs -k x': {
    request: { ...k8s, id: 'x', follow: false, tailLines: -1 },
    error: 'rpc error: code = Unknown desc = container "x" not found',
  },
  'events --tail 3': {
    request: { tailEvents: 3, tailId: '', tailSeconds: 0 },
    answer: { id: text, data: any },
    messages: 3,
  },
  'events --since 1': {
    request: { tailEvents: 0, tailId: '1', tailSeconds: 0 },
    error: 'rpc error: code = Unknown desc = error parsing tail_id: xid: invalid ID',
  },
  memory: { request: {}, answer: { meminfo: { memtotal: aBigint, memfree: aBigint } } },
  processes: { request: {}, answer: { processes: expect.arrayContaining([expect.objectContaining({ pid: 1 })]) } },
  stats: { request: system, answer: { stats: expect.arrayContaining([expect.objectContaining(ownPart)]) } },
  'stats -k': { request: k8s, error: NO_CRI },
  containers: { request: system, answer: { containers: expect.arrayContaining([expect.objectContaining(ownPart)]) } },
  'containers -k': { request: k8s, error: NO_CRI },
  mounts: { request: {}, answer: { stats: expect.arrayContaining([expect.objectContaining({ mountedOn: '/' })]) } },
  interfaces: {
    request: {},
    answer: { interfaces: expect.arrayContaining([expect.objectContaining({ name: 'lo' })]) },
  },
  routes: { request: {}, answer: { routes: expect.arrayContaining([expect.objectContaining({ interface: 'lo' })]) } },
  time: { request: {}, error: /^rpc error: code = Unknown desc = failed to query NTP server: / },
  'time --check 127.0.0.1': {
    request: { server: '127.0.0.1' },
    error: /^rpc error: code = Unknown desc = failed to query NTP server: /,
  },
  'get rd': {
    request: { namespace: '', type: 'rd' },
    answer: { definition: { metadata: { id: 'resourcedefinitions.meta.cosi.dev' } } },
  },
  'get mc -o yaml': {
    request: { namespace: '', type: 'mc' },
    answer: { definition: { metadata: { id: 'machineconfigs.config.talos.dev' } } },
  },
  'get services apid': {
    request: { ...services, id: 'apid' },
    answer: { resource: { metadata: { namespace: 'runtime', id: 'apid' }, spec: any } },
  },
  'get services --watch': { request: { ...services, id: '' }, answer: { definition: any }, messages: 2 },
  'get services apid -w': { request: { ...services, id: 'apid' }, answer: { definition: any }, messages: 2 },
  'inspect dependencies': {
    request: {},
    answer: {
      edges: expect.arrayContaining([
        expect.objectContaining({
          controllerName: 'v1alpha1.ServiceController',
          resourceType: 'Services.v1alpha1.talos.dev',
        }),
      ]),
    },
  },
  bootstrap: { request: {}, error: /^rpc error: code = Unimplemented desc = Bootstrap is not available: / },
  'etcd members': {
    request: { queryLocal: true },
    error: 'rpc error: code = Unknown desc = service "etcd" does not run on this node',
  },
  'etcd leave': { request: {}, error: NO_ETCD },
  'etcd forfeit-leadership': { request: {}, error: NO_ETCD },
  'etcd remove-member x': { request: { member: 'x' }, error: NO_ETCD },
  'kubeconfig DESTINATION': {
    request: {},
    error: /^rpc error: code = Unimplemented desc = Kubeconfig is not available: /,
  },
  recover: {
    request: { source: 1 },
    error: /^rpc error: code = Unknown desc = recover is not supported since Talos 0.9, /,
  },
  reboot: { request: {}, error: IN_CONTAINER },
  rollback: { request: {}, error: IN_CONTAINER },
  'upgrade --preserve -i x/y:z': {
    request: { image: 'x/y:z', preserve: true, stage: false, force: false },
    error: IN_CONTAINER,
  },
  'upgrade --stage -i x/y:z': {
    request: { image: 'x/y:z', preserve: false, stage: true, force: false },
    error: IN_CONTAINER,
  },
  'reset --graceful=false --reboot --system-labels-to-wipe FOO': {
    request: { graceful: false, reboot: true, systemPartitionsToWipe: [{ label: 'FOO', wipe: true }] },
    error: 'rpc error: code = Unknown desc = label "FOO" is not supported',
  },
  'health --run-e2e=false --wait-timeout 1s': {
    request: {
      waitTimeout: { seconds: 1n, nanos: 0 },
      clusterInfo: { controlPlaneNodes: [], workerNodes: [], forceEndpoint: '' },
    },
    error: 'rpc error: code = Unknown desc = error discovering nodes: Kubernetes does not run on this node',
  },
};

/** As far as a replay needs to know a method. */
interface Codec {
  readonly path: string;
  readonly responseStream: boolean;
  requestDeserialize(bytes: Buffer): unknown;
  responseDeserialize(bytes: Buffer): unknown;
}
const CODECS = new Map(
  Object.values(SERVICES).flatMap(service =>
    (Object.values(service) as unknown as Codec[]).map(codec => [codec.path, codec] as const),
  ),
);
/** Before each message of gRPC stand a flag and its length. */
const PREFIX_BYTES = 5;

describe(`what ${recording.client} sends, byte for byte, and what it needs of the answer`, () => {
  const cleanup = new Cleanup();
  let node: TestNode;
  let session: ClientHttp2Session;

  beforeAll(async () => {
    const [listen] = loopbackAddresses(1);
    node = await cleanup.node({ listen: listen!, state: join(await cleanup.folder('recorded'), 'node') });
    session = connect(`https://${node.address}:50000`, await ownerIdentity(await readFile(node.talosconfig, 'utf8')));
    cleanup.add(session, async opened => opened.destroy());
  });
  afterAll(() => cleanup.run());

  /** Sends a recorded call; resolves with the messages of the reply, up to `limit`, and the status unless cut short. */
  function replay(path: string, request: Buffer, limit: number): Promise<{ messages: Buffer[]; status?: unknown }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ messages: Buffer[]; status?: unknown }>();
    const headers = { ...recording.headers, nodes: node.address };
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers }, { endStream: false });
    let received = Buffer.alloc(0);
    const messages: Buffer[] = [];
    stream.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data]);
      while (received.length >= PREFIX_BYTES && received.length >= PREFIX_BYTES + received.readUInt32BE(1)) {
        const end = PREFIX_BYTES + received.readUInt32BE(1);
        messages.push(received.subarray(PREFIX_BYTES, end));
        received = received.subarray(end);
        if (messages.length === limit) {
          resolve({ messages });
          stream.close(8);
        }
      }
    });
    const ended = (trailers: Record<string, unknown>) => resolve({ messages, status: trailers['grpc-status'] });
    stream.on('response', head => head['grpc-status'] !== undefined && ended(head));
    stream.on('trailers', ended).on('error', reject);
    stream.end(request);
    return promise;
  }

  test('every recorded call is expected here', () => {
    expect(recording.calls.map(({ command }) => command)).toEqual(Object.keys(EXPECTED));
  });

  test.each(recording.calls)('talosctl $command', async ({ command, path, request: recorded }) => {
    const { request, answer, error, messages: limit = Number.POSITIVE_INFINITY } = EXPECTED[command]!;
    const frame = Buffer.from(recorded, 'base64');
    const codec = CODECS.get(path)!;
    // Nothing of the request is unknown here.
    expect(known(codec.requestDeserialize(frame.subarray(PREFIX_BYTES)))).toEqual(request);

    const { messages, status } = await replay(path, frame, limit);
    expect(status).toBe(limit === Number.POSITIVE_INFINITY ? '0' : undefined);
    const elements = messages
      .map(message => codec.responseDeserialize(message))
      .flatMap(reply => (codec.responseStream ? [reply] : (reply as { messages: unknown[] }).messages));
    for (const element of elements) expect(element).toMatchObject({ metadata: { hostname: node.address } });
    const told = error === undefined ? '' : typeof error === 'string' ? error : expect.stringMatching(error);
    expect(elements[0]).toMatchObject({ metadata: { error: told }, ...answer });
  });
});

/** A decoded message without the lists of unknown fields, which must be empty. */
function known(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(known);
  if (typeof message !== 'object' || message === null) return message;
  const { _unknownFields: unknown = {}, ...fields } = message as Record<string, unknown>;
  expect(unknown).toEqual({});
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, known(value)]));
}
