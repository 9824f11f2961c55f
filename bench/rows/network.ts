import { NetworkScale } from '../../test/support/network-scale.ts';
import { atMostOf, type Row } from '../row.ts';

const ROUNDS = 8;

/**
 * A config of 1 000 addresses and 10 000 routes until the kernel has them, beside one `ip -batch` of the same lines, in
 * turns and the best of each. Left out without root: it takes network namespaces.
 */
export async function* networkRows(): AsyncGenerator<Row> {
  if (process.getuid?.() !== 0) return;
  const scale = await NetworkScale.start();
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push((await scale.converge()).milliseconds);
      theirs.push(await scale.batch());
    }
    const row = '1000 addresses and 10000 routes (ms)';
    yield atMostOf(row, Math.min(...ours), Math.min(...theirs), 1.5, 'ip -batch');
  } finally {
    await scale.remove();
  }
}
