import { expect, test } from 'vitest';
import { requestLogLine } from './request-log.ts';

test('one line a call, headers sorted, several values joined, token hidden', () => {
  const metadata = { 'user-agent': ['grpc-go/1.36.0'], token: ['secret'], nodes: ['10.0.0.1', '10.0.0.2'] };
  const call = { method: '/machine.MachineService/Version', nanoseconds: 1_500_000n, metadata };
  expect([
    requestLogLine({ ...call, code: 'OK', kind: 'stream' }),
    requestLogLine({ ...call, code: 'Unknown', kind: 'unary', error: 'no such file', metadata: {} }),
  ]).toEqual([
    'OK [/machine.MachineService/Version] 1.5ms stream Success (nodes=10.0.0.1,10.0.0.2;token=<hidden>;user-agent=grpc-go/1.36.0)',
    'Unknown [/machine.MachineService/Version] 1.5ms unary no such file ()',
  ]);
});
