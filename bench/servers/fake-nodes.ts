// Many light nodes in one process: each address answers every call with one message after a delay of its own.
// A silent node accepts connections and never says a word.
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server } from 'node:net';

/** What the parent sends first. */
export interface FakeNodesInput {
  readonly identity: { readonly ca: string; readonly crt: string; readonly key: string };
  readonly nodes: readonly { readonly host: string; readonly delayMilliseconds: number }[];
  readonly silent: readonly string[];
  /** The message of every reply, base64. */
  readonly reply: string;
}

const PORT = 50_000;

process.once('message', async ({ identity, nodes, silent, reply }: FakeNodesInput) => {
  const { ca, crt: cert, key } = identity;
  const message = Buffer.from(reply, 'base64');
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  const waiting: Promise<void>[] = silent.map(host => opened(createServer(), host));
  for (const { host, delayMilliseconds } of nodes) {
    const server = createSecureServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true });
    server.on('stream', stream => setTimeout(answer, delayMilliseconds, stream, body));
    waiting.push(opened(server, host));
  }
  await Promise.all(waiting);
  process.send!('listening');
});

function opened(server: Server, host: string): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen({ host, port: PORT }, resolve));
}

function answer(stream: ServerHttp2Stream, body: Buffer): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(body);
}
