import { describe, expect, test } from 'vitest';
import {
  FileInfo,
  Memory,
  Mounts,
  Process,
  SequenceEvent,
  ServiceInfo,
  ServiceStateEvent,
  Stats,
} from '../../gen/machine/machine.ts';
import { Interfaces } from '../../gen/network/network.ts';
import { statsTable } from './containers.ts';
import { eventCells } from './events.ts';
import { longRow, usageTable } from './files.ts';
import { dependencyGraph } from './inspect.ts';
import { memoryTable, mountTable, processTable } from './machine.ts';
import { interfaceTable } from './network.ts';
import { serviceDetails, serviceTable } from './services.ts';
import { LiveTable } from './table.ts';
import { versionText } from './version.ts';

const NOW = Date.UTC(2026, 10, 24, 2, 18, 10);
const node = '10.5.0.2';
const at = (secondsAgo: number) => ({ seconds: BigInt(NOW / 1000 - secondsAgo), nanos: 0 });

/** A message with what is given and defaults for the rest. */
function made<T extends object>(type: { decode(bytes: Uint8Array): T }, fields: Partial<T>): T {
  return { ...type.decode(new Uint8Array()), ...fields };
}

describe('tables look as the original client prints them (spec/api.md §3.1, golden)', () => {
  const healthy = { unknown: false, healthy: true, lastMessage: '', lastChange: undefined };
  const apid = made(ServiceInfo, {
    id: 'apid',
    state: 'Running',
    events: {
      events: [
        { state: 'Waiting', msg: 'Waiting for service "containerd" to be "up"', ts: at(120) },
        { state: 'Running', msg: 'Health check successful', ts: at(111) },
      ],
    },
    health: healthy,
  });
  const trustd = made(ServiceInfo, {
    id: 'trustd',
    state: 'Waiting',
    health: { ...healthy, healthy: false, lastMessage: 'connection refused' },
  });

  test('services', () => {
    const services = [apid, trustd, made(ServiceInfo, { id: 'machined', state: 'Running' })];
    expect(
      serviceTable(
        services.map(message => ({ node, message })),
        NOW,
      ),
    ).toBe(
      [
        'NODE       SERVICE    STATE     HEALTH   LAST CHANGE   LAST EVENT',
        '10.5.0.2   apid       Running   OK       1m51s ago     Health check successful',
        '10.5.0.2   trustd     Waiting   Fail                   <none>',
        '10.5.0.2   machined   Running   ?                      <none>',
        '',
      ].join('\n'),
    );
    expect(serviceDetails([{ node, message: apid }], NOW)).toBe(
      [
        'NODE     10.5.0.2',
        'ID       apid',
        'STATE    Running',
        'HEALTH   OK',
        'EVENTS   [Running]: Health check successful (1m51s ago)',
        '         [Waiting]: Waiting for service "containerd" to be "up" (2m0s ago)',
        '',
      ].join('\n'),
    );
    expect(serviceDetails([{ node, message: trustd }], NOW)).toContain('LAST HEALTH MESSAGE   connection refused\n');
  });

  test('files and their sizes', () => {
    const link = made(FileInfo, { relativeName: 'mtab', link: '/proc/mounts', size: 12n, mode: 0x080001ff });
    const shape = { isHuman: true, now: 60_000 };
    expect(longRow(node, link, shape)).toEqual([node, 'Lrwxrwxrwx', '12 B', '1 minute ago', 'mtab -> /proc/mounts']);
    const info = { metadata: undefined, name: '', error: '', size: 8192n, relativeName: 'cni' };
    expect(usageTable([[node, info]], false)).toBe('SIZE   NAME\n8192   cni\n');
    const metadata = { hostname: node, error: '', status: undefined };
    expect(usageTable([[node, { ...info, metadata }]], true)).toBe(
      'NODE       SIZE     NAME\n10.5.0.2   8.2 kB   cni\n',
    );
  });

  test('memory, mounts, processes, stats, interfaces', () => {
    const meminfo = {
      memtotal: 24684084n,
      memfree: 23044924n,
      memavailable: 23989880n,
      buffers: 6504n,
      cached: 832872n,
    };
    const memory = made(Memory, {});
    memory.meminfo = { ...meminfo, shmem: 8872n } as typeof memory.meminfo;
    expect(memoryTable([{ node, message: memory }])).toBe(
      'NODE       TOTAL   USED   FREE    SHARED   BUFFERS   CACHE   AVAILABLE\n' +
        '10.5.0.2   24105   781    22504   8        6         813     23427\n',
    );
    const mount = { filesystem: 'overlay', size: 270549000000n, available: 76069000000n, mountedOn: '/' };
    const stats = [mount, { ...mount, filesystem: 'proc', size: 0n, available: 0n }];
    expect(mountTable([{ node, message: made(Mounts, { stats }) }])).toBe(
      'NODE       FILESYSTEM   SIZE(GB)   USED(GB)   AVAILABLE(GB)   PERCENT USED   MOUNTED ON\n' +
        '10.5.0.2   overlay      270.55     194.48     76.07           71.88%         /\n',
    );
    const small = { pid: 214, ppid: 1, state: 'S', threads: 7, cpuTime: 2.65, virtualMemory: 1_300_000_000n };
    const rest = {
      residentMemory: 30_000_000n,
      command: 'apid',
      executable: '/apid',
      args: 'apid --endpoints=127.0.0.1',
    };
    const kernel = {
      ...small,
      pid: 2,
      residentMemory: 0n,
      virtualMemory: 0n,
      command: 'kthreadd',
      executable: '',
      args: '',
    };
    const processes = [kernel, { ...small, ...rest }];
    expect(processTable([{ node, message: made(Process, { processes }) }], 'rss')).toBe(
      'NODE      PID  STATE  THREADS  CPU-TIME  VIRTMEM  RESMEM  COMMAND\n' +
        '10.5.0.2  214  S      7        2.65      1.3 GB   30 MB   /apid --endpoints=127.0.0.1\n' +
        '10.5.0.2  2    S      7        2.65      0 B      0 B     kthreadd\n',
    );
    const member = {
      namespace: 'k8s.io',
      id: 'a/b:c',
      podId: 'a/b',
      memoryUsage: 10_770_000n,
      cpuUsage: 7n,
      name: 'c',
    };
    const pod = { ...member, id: 'a/b', memoryUsage: 0n, cpuUsage: 0n };
    expect(statsTable([{ node, message: made(Stats, { stats: [member, pod] }) }])).toBe(
      'NODE       NAMESPACE   ID         MEMORY(MB)   CPU\n' +
        '10.5.0.2   k8s.io      a/b        0.00         0\n' +
        '10.5.0.2   k8s.io      └─ a/b:c   10.77        7\n',
    );
    const lo = { index: 1, name: 'lo', hardwareaddr: '', mtu: 65536, flags: 5, ipaddress: ['127.0.0.1/8'] } as const;
    const interfaces = [{ ...lo, ipaddress: [...lo.ipaddress] }];
    expect(interfaceTable([{ node, message: made(Interfaces, { interfaces }) }])).toBe(
      'NODE       INDEX   NAME   MAC   MTU     ADDRESS\n10.5.0.2   1       lo           65536   127.0.0.1/8\n',
    );
  });

  test('events: what is shown, and only the first row aligned', () => {
    const event = (name: string, value: Uint8Array) => ({
      metadata: undefined,
      id: 'x',
      data: { typeUrl: `talos/runtime/${name}`, value: Buffer.from(value) },
    });
    const locked = SequenceEvent.encode({
      sequence: 'boot',
      action: 0,
      error: { code: 1, message: 'sequence not started: locked', details: [] },
    }).finish();
    const state = ServiceStateEvent.encode({ service: 'etcd', action: 5, message: 'done', health: undefined }).finish();
    expect([
      eventCells(event('machine.SequenceEvent', locked)),
      eventCells(event('machine.ServiceStateEvent', state)),
      eventCells(event('machine.RestartEvent', new Uint8Array())),
    ]).toEqual([['boot', 'error: sequence not started: locked'], ['etcd', 'FINISHED: done'], undefined]);
    const table = new LiveTable(['NODE', 'ID', 'EVENT']);
    expect(table.row(['10.5.0.2', 'a', 'x']) + table.row(['n', 'b', 'y'])).toBe(
      'NODE       ID   EVENT\n10.5.0.2   a    x\nn   b   y\n',
    );
  });

  test('version and dependencies', () => {
    const version = { tag: 'v0.9.3', sha: '0.1.0', built: '', goVersion: 'node v24', os: 'linux', arch: 'amd64' };
    expect(versionText(version)).toBe(
      '\tTag:         v0.9.3\n\tSHA:         0.1.0\n\tBuilt:       \n\tGo version:  node v24\n\tOS/Arch:     linux/amd64\n\n',
    );
    const edge = { controllerName: 'A', resourceNamespace: 'ns', resourceType: 'T.x', resourceId: '' };
    const graph = dependencyGraph([
      { ...edge, edgeType: 0 },
      { ...edge, controllerName: 'B', edgeType: 2, resourceId: 'one' },
    ]);
    expect(graph.render()).toBe(
      [
        'digraph  {',
        '\t',
        '\tn1[label="A",shape="box"];',
        '\tn3[label="B",shape="box"];',
        '\tn2[fillcolor="azure2",label="ns:T.x",shape="note",style="filled"];',
        '\tn1->n2[style="bold"];',
        '\tn2->n3[label="one",style="dotted"];',
        '\t',
        '}',
        '',
      ].join('\n'),
    );
  });
});
