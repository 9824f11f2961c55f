// A DHCPv4 server that does what it is told, for what a well-behaved one never does: to be run inside a network namespace.
// Its input is one answer (`DhcpAnswer`) a line, which holds until the next; it says nothing before the first. It prints
// a line for each request, `discover` or `request <address>`, and `told` for each answer.
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

/** What the server says to whoever asks. */
export interface DhcpAnswer {
  /** The address that it gives; `nak` refuses every request, `silent` says nothing at all. */
  readonly give: string | 'nak' | 'silent';
  /** How it names itself. */
  readonly server: string;
  /** Seconds. */
  readonly lease: number;
  readonly hostname?: string;
  readonly router?: string;
  readonly dns?: string;
}

const MAGIC = Buffer.from([99, 130, 83, 99]);
const DISCOVER = 1;
const OFFER = 2;
const REQUEST = 3;
const ACK = 5;
const NAK = 6;

let answer: DhcpAnswer = { give: 'silent', server: '0.0.0.0', lease: 0 };
createInterface({ input: process.stdin }).on('line', line => {
  answer = JSON.parse(line) as DhcpAnswer;
  console.log('told');
});

const bytes = (ip: string) => ip.split('.').map(Number);
const option = (code: number, value: readonly number[]) => [code, value.length, ...value];

function optionsOf(packet: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 240; at < packet.length && packet[at] !== 255; ) {
    const length = packet[at + 1]!;
    options.set(packet[at]!, packet.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return options;
}

function reply(request: Buffer, type: number): Buffer {
  const { give, server, lease, hostname, router, dns } = answer;
  const packet = Buffer.alloc(240);
  request.copy(packet, 4, 4, 12); // xid, secs, flags
  request.copy(packet, 28, 28, 44); // chaddr
  packet.set([2, 1, 6, 0]);
  packet.set(MAGIC, 236);
  const options = [...option(53, [type]), ...option(54, bytes(server))];
  if (type !== NAK) {
    packet.set(bytes(give), 16);
    const seconds = Buffer.alloc(4);
    seconds.writeUInt32BE(lease);
    options.push(...option(51, [...seconds]), ...option(1, [255, 255, 255, 0]));
    if (hostname !== undefined) options.push(...option(12, [...Buffer.from(hostname)]));
    if (router !== undefined) options.push(...option(3, bytes(router)));
    if (dns !== undefined) options.push(...option(6, bytes(dns)));
  }
  return Buffer.concat([packet, Buffer.from([...options, 255]), Buffer.alloc(60)]);
}

const socket = createSocket('udp4');
socket.on('message', request => {
  const options = optionsOf(request);
  const type = options.get(53)?.[0];
  const asked = options.get(50) ?? request.subarray(12, 16);
  if (type === DISCOVER) console.log('discover');
  if (type === REQUEST) console.log(`request ${asked.join('.')}`);
  if (answer.give === 'silent' || (type !== DISCOVER && type !== REQUEST)) return;
  if (answer.give === 'nak') {
    if (type === REQUEST) socket.send(reply(request, NAK), 68, '255.255.255.255');
    return;
  }
  // Whoever asks for another address than the one that is given is refused, as by any server.
  const isRefused = type === REQUEST && asked.join('.') !== answer.give;
  const kind = type === DISCOVER ? OFFER : isRefused ? NAK : ACK;
  socket.send(reply(request, kind), 68, '255.255.255.255');
});
socket.bind(67, () => {
  socket.setBroadcast(true);
  console.log('serving');
});
