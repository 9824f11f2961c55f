import { credentials, Server, ServerCredentials, type ServerWritableStream, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { DependencyEdgeType } from '../../gen/inspect/inspect.ts';
import {
  ResourceServiceClient,
  type ResourceServiceServer,
  ResourceServiceService,
  type Resource as Wire,
} from '../../gen/resource/resource.ts';
import { TalosdError } from '../../lib/errors.ts';
import { addNamespace, addType, registerAll } from '../../resources/register.ts';
import { Services } from '../../resources/runtime/service.ts';
import { type Reader, Sample, type Shown, storeConformance } from '../../runtime/conformance.ts';
import { Store } from '../../runtime/store.ts';
import type { CallContext, StreamHandler } from '../handler.ts';
import { toStatus } from '../status.ts';
import { inspectHandlers } from './inspect.ts';
import { type ResourceHandlers, resourceHandlers } from './resources.ts';

const context = (signal = new AbortController().signal): CallContext => ({
  signal,
  peer: { address: '', subject: '', serial: '' },
  nodeCount: 1,
  callId: '',
  afterReply: () => {},
});

function shown({ metadata, spec }: Wire): Shown {
  const { namespace, type, id, version, phase, finalizers } = metadata!;
  return { namespace, type, id, version, phase, finalizers, yaml: spec!.yaml.toString() };
}

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}

async function serve(handlers: ResourceHandlers) {
  const stream =
    <Request, Response>(handler: StreamHandler<Request, Response>) =>
    async (call: ServerWritableStream<Request, Response>) => {
      const stop = new AbortController();
      call.on('cancelled', () => stop.abort());
      try {
        for await (const message of handler(call.request, context(stop.signal))) call.write(message);
        call.end();
      } catch (error) {
        call.emit('error', toStatus(error));
      }
    };
  const server = new Server();
  const implementation: ResourceServiceServer = {
    get: (call, reply) => {
      handlers.get(call.request, context()).then(
        value => reply(null, value),
        error => reply(toStatus(error)),
      );
    },
    list: stream(handlers.list),
    watch: stream(handlers.watch),
  };
  server.addService(ResourceServiceService, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.77.31.4:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = new ResourceServiceClient(`127.77.31.4:${port}`, credentials.createInsecure());
  return {
    client,
    close: async () => {
      client.close();
      server.forceShutdown();
    },
  };
}

function remoteReader(client: ResourceServiceClient): Reader {
  return {
    get: (type, id) =>
      new Promise((resolve, reject) =>
        client.get({ namespace: '', type, id }, (error: ServiceError | null, reply) => {
          if (error) reject(new TalosdError(error.code === 5 ? 'not_found' : 'unknown', error.details));
          else resolve(shown(reply.messages[0]!.resource!));
        }),
      ),
    list: async type => {
      const rows: Shown[] = [];
      for await (const { resource } of client.list({ namespace: '', type })) if (resource) rows.push(shown(resource));
      return rows;
    },
    async *watch(type, id, signal) {
      const call = client.watch({ namespace: 'suite', type: type.toUpperCase(), id: id ?? '' });
      signal.addEventListener('abort', () => call.cancel());
      call.on('error', () => {}); // the cancel of the line above
      for await (const { eventType, resource } of call) {
        const event = (['created', 'updated', 'destroyed'] as const)[eventType as 0 | 1 | 2];
        if (resource) yield { event, resource: shown(resource) };
      }
    },
  };
}

function makeNode() {
  const store = new Store();
  const registry = registerAll(store);
  addNamespace(store, 'suite', 'of the suite');
  addType(store, registry, Sample);
  return { store, handlers: resourceHandlers({ store, registry }) };
}

describe('conformance of the store seen through the resource API', () => {
  const makeSubject = async () => {
    const { store, handlers } = makeNode();
    const { client, close } = await serve(handlers);
    return { store, reader: remoteReader(client), close };
  };
  for (const scenario of storeConformance(makeSubject)) test(scenario.name, scenario.run);
});

describe('resource handlers', () => {
  test('Get has definition and resource in one element', async () => {
    const { store, handlers } = makeNode();
    store.put(Services, 'apid', { running: true, healthy: true });
    const { messages } = await handlers.get({ namespace: '', type: 'Svc', id: 'apid' }, context());
    expect(messages.map(({ definition, resource }) => [shown(definition!), shown(resource!)])).toEqual([
      [
        {
          namespace: 'meta',
          type: 'ResourceDefinitions.meta.cosi.dev',
          id: 'services.v1alpha1.talos.dev',
          version: '1',
          phase: 'running',
          finalizers: [],
          yaml: `type: Services.v1alpha1.talos.dev
displayType: Service
aliases:
    - svc
    - services
    - service
    - services.v1alpha1
    - services.v1alpha1.talos
printColumns:
    - name: Running
      jsonPath: '{.running}'
    - name: Healthy
      jsonPath: '{.healthy}'
defaultNamespace: runtime
`,
        },
        {
          namespace: 'runtime',
          type: 'Services.v1alpha1.talos.dev',
          id: 'apid',
          version: '1',
          phase: 'running',
          finalizers: [],
          yaml: 'running: true\nhealthy: true\n',
        },
      ],
    ]);
  });

  test('refusals, in the order type, namespace, resource', async () => {
    const { handlers } = makeNode();
    const refusal = async (namespace: string, type: string, id: string) => {
      const reached = await handlers.get({ namespace, type, id }, context()).catch(toStatus);
      return 'messages' in reached ? 'found' : `${reached.code} ${reached.message}`;
    };
    expect([
      await refusal('nowhere', 'nothing', 'x'),
      await refusal('', 'sps', 'x'),
      await refusal('nowhere', 'services', 'x'),
      await refusal('config', 'services', 'apid'),
      await refusal('', 'services', ''),
    ]).toEqual([
      '5 resource "nothing" is not registered',
      '3 resource type "sps" is ambiguous: [staticpods.kubernetes.talos.dev staticpodstatuses.kubernetes.talos.dev]',
      '5 namespace "nowhere" is not registered',
      "5 resource Services.v1alpha1.talos.dev(config/apid@undefined) doesn't exist",
      "5 resource Services.v1alpha1.talos.dev(runtime/@undefined) doesn't exist",
    ]);
  });

  test('List and Watch begin with the definition alone; a watch that falls behind ends with an error', async () => {
    const { store, handlers } = makeNode();
    const listed = await collect(handlers.list({ namespace: 'config', type: 'services' }, context()));
    expect(listed.map(({ definition, resource }) => [definition?.metadata?.id, resource])).toEqual([
      ['services.v1alpha1.talos.dev', undefined],
    ]);
    const stop = new AbortController();
    const watch = handlers.watch({ namespace: '', type: 'services', id: 'apid' }, context(stop.signal));
    const events = watch[Symbol.asyncIterator]();
    const first = (await events.next()).value!;
    expect([first.eventType, first.definition?.metadata?.id, first.resource]).toEqual([
      0,
      'services.v1alpha1.talos.dev',
      undefined,
    ]);
    const second = events.next();
    store.put(Services, 'apid', { running: true, healthy: false });
    expect((await second).value?.resource?.metadata?.version).toBe('1');
    for (let turn = 0; turn < 1000; turn++) store.put(Services, 'apid', { running: true, healthy: false });
    await expect(events.next()).rejects.toMatchObject({ code: 'resource_exhausted' });
  });

  test('a cancelled watch ends', async () => {
    const { handlers } = makeNode();
    const stop = new AbortController();
    const all = collect(handlers.watch({ namespace: '', type: 'services', id: '' }, context(stop.signal)));
    setImmediate(() => stop.abort());
    expect((await all).length).toBe(1);
  });
});

test('the graph of controllers on the wire', async () => {
  const edge = { controller: 'c', namespace: 'n', type: 'T', id: '' };
  const dependencies = () => [
    { ...edge, kind: 'manages' as const },
    { ...edge, kind: 'strong' as const },
    { ...edge, kind: 'weak' as const, id: 'x' },
  ];
  const handlers = inspectHandlers({ engine: { dependencies } });
  const wire = { controllerName: 'c', resourceNamespace: 'n', resourceType: 'T', resourceId: '' };
  expect(await handlers.controllerRuntimeDependencies({}, context())).toEqual({
    messages: [
      {
        metadata: undefined,
        edges: [
          { ...wire, edgeType: DependencyEdgeType.MANAGES },
          { ...wire, edgeType: DependencyEdgeType.STRONG },
          { ...wire, edgeType: DependencyEdgeType.WEAK, resourceId: 'x' },
        ],
      },
    ],
  });
});
