import { describe, expect, test } from 'vitest';
import { EventStream } from '../../events/stream.ts';
import { Event, ServiceListResponse, ServiceStateEvent } from '../../gen/machine/machine.ts';
import { FakeClock } from '../../lib/clock.ts';
import { errorMessage, TalosdError } from '../../lib/errors.ts';
import { apidService } from '../../services/definitions/apid.ts';
import { machinedService } from '../../services/definitions/machined.ts';
import { networkdService } from '../../services/definitions/networkd.ts';
import { routerdService } from '../../services/definitions/routerd.ts';
import { timedService } from '../../services/definitions/timed.ts';
import { trustdService } from '../../services/definitions/trustd.ts';
import { LogBuffers, nodeLogger } from '../../services/log-buffers.ts';
import type { Part } from '../../services/runners/in-process.ts';
import { Supervisor } from '../../services/supervisor.ts';
import type { CallContext } from '../handler.ts';
import { containerHandlers } from './containers.ts';
import { eventHandlers } from './events.ts';
import { logHandlers } from './logs.ts';
import { serviceHandlers } from './services.ts';

const PID = process.pid;

/** A node that has every part of the agent, and the calls to it. */
function node({ withTimed = true } = {}) {
  const clock = new FakeClock(Date.UTC(2026, 10, 24, 2, 16, 15));
  const events = new EventStream(clock);
  const logs = new LogBuffers();
  const supervisor = new Supervisor({ clock, log: nodeLogger(logs, clock), logs, events });
  const listening = new Set<string>();
  const part = (id: string): Part => ({
    run: (signal, ready, log) =>
      new Promise(resolve => {
        signal.addEventListener('abort', () => {
          listening.delete(id);
          resolve();
        });
        listening.add(id);
        log.info(`${id} is up`);
        ready();
      }),
  });
  const dial = async (host: string, port: number) => {
    if (listening.has(port === 50000 ? 'apid' : 'trustd')) return;
    throw new TalosdError('unavailable', `dial tcp ${host}:${port}: connect: connection refused`);
  };
  const observer = { isReady: () => true };
  const ids = ['machined', 'apid', 'routerd', 'networkd', 'trustd', ...(withTimed ? ['timed'] : [])];
  const loaded = new Set(ids);
  const at = { address: '127.0.0.1', dial, loaded };
  supervisor.load(
    machinedService({ part: part('machined') }),
    apidService({ ...at, part: part('apid'), port: 50000 }),
    trustdService({ ...at, part: part('trustd'), port: 50001 }),
    routerdService({ part: part('routerd'), loaded, answer: async () => {} }),
    networkdService({ part: part('networkd'), loaded, observer }),
  );
  if (withTimed) supervisor.load(timedService({ part: part('timed'), loaded, observer }));

  const replied: (() => void)[] = [];
  const stop = new AbortController();
  const context: CallContext = {
    signal: stop.signal,
    peer: { address: '127.0.0.1', subject: '', serial: '' },
    nodeCount: 1,
    callId: '',
    afterReply: action => void replied.push(action),
  };
  const reply = () => {
    for (const action of replied.splice(0)) action();
  };
  const audit = {
    async *read() {
      yield Buffer.from('{"method":"/machine.MachineService/Reboot"}\n');
    },
  };
  const handlers = {
    ...serviceHandlers({ supervisor }),
    ...eventHandlers({ events }),
    ...containerHandlers({ supervisor, figures: () => ({ memory: 90_000_000n, cpu: 12_345n }) }),
    ...logHandlers({ logs, audit }),
  };
  return { clock, events, supervisor, ids, handlers, context, stop, reply };
}

/** What a call ends with: its error's text, or `fine`. */
async function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(() => 'fine', errorMessage);
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

test('parts come up within one turn of the loop, and ServiceList shows them on the wire', async () => {
  const { clock, supervisor, ids, handlers, context } = node({ withTimed: false });
  supervisor.start(...ids);
  await clock.advance(0);
  const bytes = ServiceListResponse.encode(await handlers.serviceList({}, context)).finish();
  const services = ServiceListResponse.decode(bytes).messages[0]!.services;
  const rows = services.map(({ id, state, health, events }) => {
    const how = health!.unknown ? '?' : health!.healthy ? 'OK' : 'Fail';
    return [id, state, how, ...events!.events.map(({ state, msg }) => `[${state}]: ${msg}`)];
  });
  const started = (id: string, ...waiting: string[]) => [
    id,
    'Running',
    'OK',
    ...waiting,
    '[Preparing]: Running pre state',
    '[Preparing]: Creating service runner',
    `[Running]: Started task ${id} (PID ${PID}) for container ${id}`,
    '[Running]: Health check successful',
  ];
  const waiting = '[Waiting]: Waiting for service "networkd" to be "up"';
  expect(rows).toEqual([
    started('apid', waiting),
    [
      'machined',
      'Running',
      '?',
      '[Preparing]: Running pre state',
      '[Preparing]: Creating service runner',
      '[Running]: Service started as goroutine',
    ],
    started('networkd'),
    started('routerd'),
    started('trustd', waiting),
  ]);
  expect(services[1]!.health).toMatchObject({ lastMessage: '', lastChange: { seconds: -62135596800n, nanos: 0 } });
  expect(services[0]!.events!.events[0]!.ts).toMatchObject({ seconds: 1795486575n, nanos: 0 });
});

test('start, stop and restart by clients: the table', async () => {
  const { clock, supervisor, ids, handlers, context } = node();
  supervisor.start(...ids);
  await clock.advance(0);
  const table = async (id: string) => [
    await outcome(handlers.serviceStart({ id }, context)),
    await outcome(handlers.serviceStop({ id }, context)),
    await outcome(handlers.serviceRestart({ id }, context)),
  ];
  const no = (id: string, what: string) => `service "${id}" doesn't support ${what} operation via API`;
  expect(await table('apid')).toEqual(['fine', no('apid', 'stop'), no('apid', 'restart')]);
  expect(await table('ghost')).toEqual(new Array(3).fill('service "ghost" not defined'));
  expect(await table('timed')).toEqual(['fine', no('timed', 'stop'), 'fine']);
  await clock.advance(0);
  await supervisor.stop('timed', 'routerd');
  expect(await table('routerd')).toEqual([no('routerd', 'start'), 'fine', no('routerd', 'start')]);
  expect(await outcome(handlers.serviceStop({ id: 'timed' }, context))).toBe('fine');
  expect((await handlers.serviceStart({ id: 'timed' }, context)).messages).toEqual([
    { metadata: undefined, resp: 'Service "timed" started' },
  ]);
});

test('restart of timed shows every state on the event stream', async () => {
  const { clock, supervisor, ids, handlers, context } = node();
  supervisor.start(...ids);
  await clock.advance(0);
  const stream = handlers.events({ tailEvents: 0, tailId: '', tailSeconds: 0 }, context)[Symbol.asyncIterator]();
  const first = stream.next();
  expect((await handlers.serviceRestart({ id: 'timed' }, context)).messages[0]!.resp).toBe('Service "timed" restarted');
  const actions: number[] = [];
  for (let next = await first; actions.length < 6; next = await stream.next()) {
    const { data } = Event.decode(Event.encode(next.value).finish());
    expect(data!.typeUrl).toBe('talos/runtime/machine.ServiceStateEvent');
    actions.push(ServiceStateEvent.decode(data!.value).action);
  }
  expect(actions).toEqual([4, 5, 2, 1, 1, 3]);
});

test('containers and stats list the parts; restart acts after its reply and the part comes back', async () => {
  const { clock, supervisor, ids, handlers, context, reply } = node({ withTimed: false });
  supervisor.start(...ids);
  await clock.advance(0);
  const system = { namespace: 'system', driver: 0 } as const;
  const list = async () =>
    (await handlers.containers(system, context)).messages[0]!.containers.map(({ id }) => id).join(' ');
  expect((await handlers.containers(system, context)).messages[0]!.containers[0]).toEqual({
    namespace: 'system',
    id: 'apid',
    image: 'talos/apid',
    pid: PID,
    status: 'RUNNING',
    podId: 'apid',
    name: 'apid',
  });
  expect((await handlers.stats(system, context)).messages[0]!.stats[3]).toEqual({
    namespace: 'system',
    id: 'trustd',
    memoryUsage: 90_000_000n,
    cpuUsage: 12_345n,
    podId: 'trustd',
    name: 'trustd',
  });

  expect((await handlers.restart({ ...system, id: 'trustd' }, context)).messages).toEqual([{ metadata: undefined }]);
  const seen = [await list()];
  reply();
  await clock.advance(1_000);
  seen.push(await list());
  expect(await outcome(handlers.restart({ ...system, id: 'trustd' }, context))).toBe('container "trustd" not found');
  await clock.advance(10_000);
  seen.push(await list());
  expect(seen).toEqual(['apid networkd routerd trustd', 'apid networkd routerd', 'apid networkd routerd trustd']);
  expect(
    supervisor
      .find('trustd')!
      .status.events.slice(-3)
      .map(({ state, message }) => `[${state}]: ${message}`),
  ).toEqual([
    '[Waiting]: Runner Containerd(trustd) exited without error, going to restart it',
    `[Running]: Started task trustd (PID ${PID}) for container trustd`,
    '[Running]: Health check successful',
  ]);
});

describe('containers that are not there', () => {
  test.each([
    [
      'k8s.io',
      1,
      'error connecting to CRI: dial unix /run/containerd/containerd.sock: no container runtime on this node',
    ],
    ['system', 1, 'CRI inspector is supported only for K8s namespace'],
    ['', 0, 'namespace is required: failed precondition'],
    ['k8s.io', 0, 'failed to dial "/run/containerd/containerd.sock": no container runtime on this node'],
    ['system', 7, 'unsupported driver "7"'],
  ])('namespace %j, driver %i', async (namespace, driver, message) => {
    const { handlers, context } = node();
    const request = { namespace, driver: driver as 0 };
    expect(await outcome(handlers.containers(request, context))).toBe(message);
    expect(await outcome(handlers.stats(request, context))).toBe(message);
  });

  test('restart and logs of what nobody knows', async () => {
    const { handlers, context } = node();
    const log = async (namespace: string, driver: 0 | 1, id: string) =>
      outcome(drain(handlers.logs({ namespace, driver, id, follow: false, tailLines: -1 }, context)));
    const restart = (namespace: string, driver: 0 | 1, id: string) =>
      outcome(handlers.restart({ namespace, driver, id }, context));
    expect([
      await restart('system', 0, 'machined'),
      await restart('k8s.io', 1, 'nonexistent'),
      await log('k8s.io', 1, 'etcd'),
      await log('system', 0, 'nonexistent'),
      await log('system', 1, 'timed'),
      await log('k8s.io', 1, 'kubelet'),
      await log('k8s.io', 1, 'kube-system/coredns'),
    ]).toEqual([
      'container "machined" not found',
      'container "nonexistent" not found',
      'container "etcd" not found',
      'log "nonexistent" was not registered',
      'log "timed" was not registered',
      'log "kubelet" was not registered',
      'error connecting to CRI: dial unix /run/containerd/containerd.sock: no container runtime on this node',
    ]);
  });
});

test('logs: a part, the node itself, the audit log; a follower ends with its call', async () => {
  const { clock, supervisor, ids, handlers, context, stop } = node({ withTimed: false });
  supervisor.start(...ids);
  await clock.advance(0);
  const read = async (id: string, tailLines: number, follow = false) => {
    const chunks: Buffer[] = [];
    for await (const { bytes } of handlers.logs({ namespace: 'system', driver: 0, id, follow, tailLines }, context)) {
      chunks.push(bytes);
    }
    return Buffer.concat(chunks).toString();
  };
  expect([await read('apid', -1), await read('machined', 1), await read('audit', -1), await read('apid', 0)]).toEqual([
    '2026/11/24 02:16:15.000000 apid is up\n',
    '[talos] 2026/11/24 02:16:15 service[trustd](Running): Health check successful\n',
    '{"method":"/machine.MachineService/Reboot"}\n',
    '',
  ]);
  const followed = read('apid', -1, true);
  supervisor.find('apid')!.terminate();
  await clock.advance(6_000);
  stop.abort();
  expect((await followed).split('\n')).toEqual([
    '2026/11/24 02:16:15.000000 apid is up',
    '2026/11/24 02:16:20.000000 apid is up',
    '',
  ]);
});
