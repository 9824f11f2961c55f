import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, FakeClock } from '../../src/lib/clock.ts';
import type { Logger } from '../../src/lib/logger.ts';

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What a path answers: a body with status 200, or a status of its own. */
export type Answer = string | Uint8Array | { status: number; body?: string; headers?: Record<string, string> };

/**
 * A real HTTP server on an address of its own. `answers` go by path with query; a list is used up until its last entry,
 * unknown paths are 404.
 */
export async function startHttpServer(answers: Record<string, Answer | Answer[]>, listener?: RequestListener) {
  const seen: SeenRequest[] = [];
  const counts = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const url = request.url ?? '';
    const body = Buffer.concat(await request.toArray()).toString();
    seen.push({ method: request.method ?? '', url, headers: request.headers, body });
    if (listener) return listener(request, response);
    const count = counts.get(url) ?? 0;
    counts.set(url, count + 1);
    const given = answers[url] ?? { status: 404 };
    const answer = Array.isArray(given) ? given[Math.min(count, given.length - 1)]! : given;
    if (typeof answer === 'string' || answer instanceof Uint8Array) return void response.end(answer);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  server.listen(0, `127.${randomInt(1, 255)}.${randomInt(1, 255)}.${randomInt(2, 255)}`);
  await once(server, 'listening');
  const { address, port } = server.address() as AddressInfo;
  return {
    server,
    url: `http://${address}:${port}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A clock whose sleepers do not wait: time moves by what they ask for, and what they asked for is kept. */
export class HastyClock extends FakeClock implements Clock {
  readonly waits: number[] = [];

  override async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.waits.push(milliseconds);
    const slept = super.sleep(milliseconds, signal);
    await Promise.race([slept, this.advance(milliseconds)]);
    signal?.throwIfAborted();
  }
}

/** A log whose lines are kept. */
export function keepingLogger(): Logger & { lines: string[] } {
  const lines: string[] = [];
  const keep = (line: string) => void lines.push(line);
  return { lines, info: keep, warn: keep, error: keep };
}
