import { createSocket } from 'node:dgram';
import type { Clock } from '../lib/clock.ts';
import { type Exec, execError } from './exec.ts';

/** Whether another machine on a link is there, by ARP or neighbour discovery. */
export type NeighbourProbe = (link: string, address: string) => Promise<boolean>;

/** Any packet makes the kernel look for its receiver; this one goes to the port on which nobody does anything. */
const DISCARD_PORT = 9;
/** How often, and after how many milliseconds each, the kernel's list is looked at: it asks three times in three seconds. */
const LOOKS = 7;
const BETWEEN = 500;

const ANSWERED = new Set(['REACHABLE', 'DELAY', 'PROBE', 'STALE', 'PERMANENT']);

/** Makes the kernel forget the neighbour and look for it again. */
export function neighbourProbe(exec: Exec, clock: Clock): NeighbourProbe {
  return async (link, address) => {
    await exec('ip', ['neigh', 'del', address, 'dev', link]); // refused where there was none
    for (let look = 0; look < LOOKS; look++) {
      if (look % 2 === 0) await sendSomething(address.startsWith('fe80:') ? `${address}%${link}` : address);
      await clock.sleep(BETWEEN);
      const result = await exec('ip', ['-j', 'neigh', 'show', 'to', address, 'dev', link]);
      if (result.failed) throw execError(result);
      const neighbours = JSON.parse(result.stdout || '[]') as { state?: string[]; lladdr?: string }[];
      if (neighbours.some(({ state = [], lladdr }) => lladdr && state.some(word => ANSWERED.has(word)))) return true;
    }
    return false;
  };
}

/** Resolves when the packet is on its way, or cannot be. */
function sendSomething(address: string): Promise<void> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise(resolve => {
    const end = () => {
      socket.close();
      resolve();
    };
    socket.once('error', end); // no route, say: the neighbour will not answer then
    socket.send('', DISCARD_PORT, address, end);
  });
}
