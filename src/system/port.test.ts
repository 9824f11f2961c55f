import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { assertPortFree } from './port.ts';

test('a free port is fine and stays free, a taken one or a foreign address is told', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await expect(assertPortFree('127.0.0.1', port)).rejects.toThrow(
    `listen tcp 127.0.0.1:${port}: address already in use`,
  );
  server.close();
  await once(server, 'close');
  await assertPortFree('127.0.0.1', port);
  await assertPortFree('127.0.0.1', port);
  // TEST-NET-3 and the documentation prefix: nobody's own addresses
  await expect(assertPortFree('203.0.113.7', 50000)).rejects.toThrow(
    'listen tcp 203.0.113.7:50000: cannot assign requested address',
  );
  await expect(assertPortFree('2001:db8::7', 1)).rejects.toThrow(/^listen tcp \[2001:db8::7\]:1: /);
});
