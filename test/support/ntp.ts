import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const EPOCH_SECONDS = 2_208_988_800;

/** A time server on port 123 of an address, whose clock is ahead of ours by `offsetSeconds`. */
export async function startTimeServer(address: string, offsetSeconds: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (question, peer) => {
    const answer = Buffer.alloc(48);
    answer[0] = (4 << 3) | 4; // version 4, server
    answer[1] = 2; // stratum
    question.copy(answer, 24, 40, 48); // its transmit time is our originate time
    for (const position of [16, 32, 40]) writeTime(answer, position, Date.now() / 1000 + offsetSeconds);
    socket.send(answer, peer.port, peer.address);
  });
  socket.bind(123, address);
  await once(socket, 'listening');
  return socket;
}

function writeTime(target: Buffer, position: number, unixSeconds: number): void {
  const whole = Math.floor(unixSeconds);
  target.writeUInt32BE(whole + EPOCH_SECONDS, position);
  target.writeUInt32BE(Math.floor((unixSeconds - whole) * 2 ** 32), position + 4);
}
