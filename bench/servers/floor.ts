// The floor: grpc-js with identity codecs and the same TLS, and nothing else. Version answers with prepared bytes,
// Read sends one block of memory again and again.
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { grpcIdentity } from './input.ts';

/** What the parent sends first. */
export interface FloorInput {
  readonly host: string;
  readonly identity: { readonly ca: string; readonly crt: string; readonly key: string };
  /** The reply of Version, base64. */
  readonly reply: string;
  readonly streamBytes: number;
}

const CHUNK_BYTES = 32 * 1024;

process.once('message', ({ host, identity, reply: encoded, streamBytes }: FloorInput) => {
  const { ca, crt, key } = identity;
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const reply = Buffer.from(encoded, 'base64');
  const unary = (_: ServerUnaryCall<Buffer, Buffer>, send: sendUnaryData<Buffer>) => send(null, reply);
  server.register('/machine.MachineService/Version', unary, grpcIdentity, grpcIdentity, 'unary');
  const message = dataMessage(CHUNK_BYTES);
  const stream = (call: ServerWritableStream<Buffer, Buffer>) => {
    let left = streamBytes;
    const send = () => {
      while (left > 0) {
        left -= CHUNK_BYTES;
        if (!call.write(message) && left > 0) return void call.once('drain', send);
      }
      call.end();
    };
    send();
  };
  server.register('/machine.MachineService/Read', stream, grpcIdentity, grpcIdentity, 'serverStream');
  const credentials = ServerCredentials.createSsl(
    Buffer.from(ca),
    [{ cert_chain: Buffer.from(crt), private_key: Buffer.from(key) }],
    true,
  );
  server.bindAsync(`${host}:50000`, credentials, error => {
    if (error) throw error;
    process.send!('listening');
  });
});

/** common.Data with `bytes` of this size. */
function dataMessage(size: number): Buffer {
  return Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0x02]), Buffer.alloc(size, 0x5a)]);
}
