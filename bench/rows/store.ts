import { setImmediate as nextTurn } from 'node:timers/promises';
import { deepFreeze, type ResourceType } from '../../src/runtime/resource.ts';
import { Store } from '../../src/runtime/store.ts';
import { atLeast, type Row } from '../row.ts';

interface Sample {
  readonly address: string;
  readonly up: boolean;
  readonly index: number;
}

const Samples: ResourceType<Sample> = {
  type: 'Samples.bench.talosd.dev',
  display: 'bench.Sample',
  defaultNamespace: 'runtime',
  toYaml: () => '',
};
const PUTS = 1_000_000;
const IDS = 1000;
/** Puts between two turns of the event loop: watchers are at most this far behind. */
const BATCH = 500;
const WATCHERS = 3;

/** Puts into the store while three watchers read every change, beside a Map with frozen values. */
export async function* storeRows(): AsyncGenerator<Row> {
  const ids = Array.from({ length: IDS }, (_, index) => `sample-${index}`);
  await storeRate(ids, PUTS / 10);
  mapRate(ids, PUTS / 10);
  const rates = { store: 0, map: 0 };
  for (let round = 0; round < 3; round++) {
    rates.store = Math.max(rates.store, await storeRate(ids, PUTS));
    rates.map = Math.max(rates.map, mapRate(ids, PUTS));
  }
  yield atLeast('store puts with three watchers (puts/s)', rates.store, 1_000_000, rates.map);
}

async function storeRate(ids: readonly string[], puts: number): Promise<number> {
  const store = new Store();
  const stop = new AbortController();
  const seen = Array.from({ length: WATCHERS }, () => 0);
  const watching = seen.map(async (_, watcher) => {
    for await (const _ of store.watchKind(Samples, stop.signal)) seen[watcher]!++;
  });
  const begin = performance.now();
  for (let put = 0; put < puts; put++) {
    store.put(Samples, ids[put % IDS]!, { address: '10.0.0.1', up: true, index: put });
    if (put % BATCH === BATCH - 1) await nextTurn();
  }
  await nextTurn();
  const seconds = (performance.now() - begin) / 1000;
  stop.abort();
  await Promise.all(watching);
  if (seen.some(count => count !== puts)) throw new Error(`watchers saw ${seen} of ${puts} changes`);
  return puts / seconds;
}

function mapRate(ids: readonly string[], puts: number): number {
  const map = new Map<string, Sample>();
  const begin = performance.now();
  for (let put = 0; put < puts; put++) {
    map.set(ids[put % IDS]!, deepFreeze({ address: '10.0.0.1', up: true, index: put }));
  }
  return puts / ((performance.now() - begin) / 1000);
}
