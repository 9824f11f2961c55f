import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { osError } from '../lib/errors.ts';
import { ensureDir, removeFile } from './files.ts';

/**
 * Listens on a unix socket: makes missing parent folders with mode 0700 and takes away what an earlier process left
 * (spec/api.md §1.1). Closing the server removes the socket.
 */
export async function listenUnix(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  await ensureDir(dirname(path), 0o700);
  await removeFile(path);
  const server = createServer(onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(osError('listen', `unix ${path}`, error)));
    server.listen({ path }, resolve);
  });
  return server;
}
