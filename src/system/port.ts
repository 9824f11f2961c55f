import { once } from 'node:events';
import { createServer } from 'node:net';
import { osError } from '../lib/errors.ts';

/** Fails with `listen tcp <host>:<port>: <why>` where nobody could listen there right now. */
export async function assertPortFree(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    throw osError('listen tcp', `${host.includes(':') ? `[${host}]` : host}:${port}`, error);
  } finally {
    server.close();
  }
}
