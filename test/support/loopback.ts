import { randomInt } from 'node:crypto';

/**
 * Addresses of this run's own on the loopback interface: the client knows no port but 50000, so every node needs one of
 * its own. All have the same length, so that tables of different runs are aligned alike.
 */
export function loopbackAddresses(count: number): string[] {
  const net = `127.${randomInt(100, 255)}.${randomInt(100, 255)}`;
  const first = randomInt(100, 240 - count);
  return Array.from({ length: count }, (_, index) => `${net}.${first + index}`);
}
