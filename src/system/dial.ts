import { createConnection } from 'node:net';
import { errorMessage, osErrorText, TalosdError } from '../lib/errors.ts';

/** Connects to a TCP port and hangs up at once; rejects in the words of the v0.9 API. Rooms take this type. */
export type DialTcp = (host: string, port: number, signal: AbortSignal) => Promise<void>;

/** `dial tcp 127.0.0.1:50000: connect: connection refused` and the like when it cannot connect. */
export const dialTcp: DialTcp = (host, port, signal) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = createConnection({ host, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', error => {
      const code = (error as NodeJS.ErrnoException).code;
      const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      const reason = signal.aborted
        ? errorMessage(signal.reason)
        : `connect: ${code ? osErrorText(code) : error.message}`;
      reject(new TalosdError('unavailable', `dial tcp ${address}: ${reason}`, { cause: error }));
    });
  });
