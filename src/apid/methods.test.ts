import { expect, test } from 'vitest';
import { FakeClock } from '../lib/clock.ts';
import { AccessLog } from './access-log.ts';
import { ServerCall } from './call.ts';
import { encodeHop, HOP_KEY } from './hop.ts';
import { isStreamedPath, METHODS, refusalOf } from './methods.ts';
import { selfMatcher } from './self.ts';
import { statusError } from './status.ts';

const peer = { address: '10.5.0.1', subject: 'O=tester', serial: 'ab' };
const call = (path: string, metadata: Record<string, string | Buffer>, clock = new FakeClock()) =>
  new ServerCall({
    path,
    method: METHODS.get(path),
    authority: '10.5.0.2:50000',
    metadata,
    peer,
    deadline: Number.POSITIVE_INFINITY,
    startedAt: clock.monotonic(),
  });

test('what is streamed in a fan-out is what the protos stream, so that bytes are never merged the wrong way', () => {
  const wrong = [...METHODS.values()].filter(method => method.isStream !== isStreamedPath(method.path));
  expect(wrong).toEqual([]);
  expect(isStreamedPath('/no.such.Service/LogStream')).toBe(true);
});

test('a method counts as a change unless it is known to read only', () => {
  const readOnly = [...METHODS.values()].filter(method => !method.isChange).map(method => method.path.slice(1));
  expect(readOnly.sort()).toMatchInlineSnapshot(`
    [
      "cluster.ClusterService/HealthCheck",
      "inspect.InspectService/ControllerRuntimeDependencies",
      "machine.MachineService/CPUInfo",
      "machine.MachineService/Containers",
      "machine.MachineService/Copy",
      "machine.MachineService/DiskStats",
      "machine.MachineService/DiskUsage",
      "machine.MachineService/Dmesg",
      "machine.MachineService/EtcdMemberList",
      "machine.MachineService/Events",
      "machine.MachineService/GenerateConfiguration",
      "machine.MachineService/Hostname",
      "machine.MachineService/Kubeconfig",
      "machine.MachineService/List",
      "machine.MachineService/LoadAvg",
      "machine.MachineService/Logs",
      "machine.MachineService/Memory",
      "machine.MachineService/Mounts",
      "machine.MachineService/NetworkDeviceStats",
      "machine.MachineService/Processes",
      "machine.MachineService/Read",
      "machine.MachineService/ServiceList",
      "machine.MachineService/Stats",
      "machine.MachineService/SystemStat",
      "machine.MachineService/Version",
      "network.NetworkService/Interfaces",
      "network.NetworkService/Routes",
      "resource.ResourceService/Get",
      "resource.ResourceService/List",
      "resource.ResourceService/Watch",
      "talosd.v1.NodeService/DryRunConfiguration",
      "talosd.v1.NodeService/Why",
      "time.TimeService/Time",
      "time.TimeService/TimeCheck",
    ]
  `);
});

test('paths outside the table', () => {
  const refusal = (path: string) => [refusalOf(path).code, refusalOf(path).message];
  expect(refusal('/health.Health/Check')).toEqual([2, 'service health.Health is not defined']);
  expect(refusal('/time.TimeService/Now')).toEqual([12, 'unknown method Now for service time.TimeService']);
  expect(refusal('/x')).toEqual([12, 'malformed method name: "/x"']);
});

test('request lines have the form of the original, with the token hidden', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const sink = (log: string) => ({ info: (line: string) => void lines.push(`${log}: ${line}`) });
  const log = new AccessLog({ apid: sink('apid'), routerd: sink('routerd'), backend: sink }, clock);
  const agent = { 'user-agent': 'grpc-go/1.36.0' };
  const version = call(
    '/machine.MachineService/Version',
    { nodes: '10.5.0.2, 10.5.0.3', token: 'secret', ...agent },
    clock,
  );
  await clock.advance(2);
  log.served(version, undefined, true);
  log.received(version, undefined);
  log.served(call('/time.TimeService/Time', agent, clock), statusError('unknown', 'no clock'), false);
  log.served(call('/x.Y/Z', agent, clock), refusalOf('/x.Y/Z'), false);
  const shown = '(:authority=10.5.0.2:50000;content-type=application/grpc';
  const proxied = `${shown};proxyfrom=10.5.0.2:50000;token=<hidden>;user-agent=grpc-go/1.36.0)`;
  expect(lines).toEqual([
    `routerd: OK [/machine.MachineService/Version] 2ms stream Success ${proxied}`,
    `apid: OK [/machine.MachineService/Version] 2ms stream Success ${proxied}`,
    `machined: OK [/machine.MachineService/Version] 2ms unary Success ${proxied}`,
    `apid: OK [/machine.MachineService/Version] 2ms stream Success ${shown};nodes=10.5.0.2,10.5.0.3;token=<hidden>;user-agent=grpc-go/1.36.0)`,
    `routerd: Unknown [/time.TimeService/Time] 0s stream rpc error: code = Unknown desc = no clock ${shown};user-agent=grpc-go/1.36.0)`,
    `timed: Unknown [/time.TimeService/Time] 0s unary no clock ${shown};user-agent=grpc-go/1.36.0)`,
    `routerd: Unknown [/x.Y/Z] 0s stream rpc error: code = Unknown desc = service x.Y is not defined ${shown};user-agent=grpc-go/1.36.0)`,
  ]);
});

test('what another hop says of a call is read only beside proxyfrom, and only in its own form', () => {
  const hop = { callId: 'abc', nodeCount: 3, client: peer };
  const path = '/machine.MachineService/Version';
  const told = call(path, { proxyfrom: 'x', [HOP_KEY]: encodeHop(hop) });
  expect([told.callId, told.nodeCount, told.hop]).toEqual(['abc', 3, hop]);
  expect(call(path, { [HOP_KEY]: encodeHop(hop) }).hop).toBeUndefined();
  for (const bad of ['', '{}', 'null', '{"callId":1}', JSON.stringify({ ...hop, nodeCount: -1 })]) {
    expect(call(path, { proxyfrom: 'x', [HOP_KEY]: Buffer.from(bad) }).hop).toBeUndefined();
  }
});

test('a node knows itself by the address it listens on, or by any of its own', () => {
  const bound = selfMatcher('10.5.0.2', () => new Set(['10.5.0.2', '127.0.0.1']));
  expect(['10.5.0.2', '127.0.0.1', 'localhost'].map(bound)).toEqual([true, false, false]);
  const any = selfMatcher('::', () => new Set(['10.5.0.2', 'fd00::1']));
  expect(['10.5.0.2', 'fd00:0::1', '::ffff:10.5.0.2', '10.5.0.3', 'host'].map(any)).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
