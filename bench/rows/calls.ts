import { Scope } from '../../src/lib/scope.ts';
import { atLeastOf, atMost, quantile, type Row } from '../row.ts';
import type { FloorInput } from '../servers/floor.ts';
import { randomAddress } from '../support/cluster.ts';
import type { LoadClient } from '../support/h2-client.ts';
import { API_PORT, type Lab, NODE_FLAGS, VERSION_PATH } from '../support/lab.ts';
import { ServerProcess } from '../support/process.ts';

const CALLERS = 64;
const ROUNDS = 5;
const CALLS = 12_000;
const SINGLE_CALLS = 2_000;
const WARM_UP_CALLS = 10_000;
/** About the size of a real reply of Version. */
const REPLY_BYTES = 90;

/** Unary Version over mutual TLS, agent and floor in turns, so that what else runs on the machine meets both. */
export async function* callRows(lab: Lab): AsyncGenerator<Row> {
  const scope = new Scope();
  try {
    const { host } = await lab.agent(scope);
    const floorHost = await startFloor(lab, scope, 0);
    const target = { host, port: API_PORT, path: VERSION_PATH };
    const plain = await lab.client(scope, target);
    const withNodes = await lab.client(scope, { ...target, nodes: [host] });
    const floor = await lab.client(scope, { ...target, host: floorHost });
    const clients = { plain, withNodes, floor };
    for (const client of Object.values(clients)) await client.round(WARM_UP_CALLS, CALLERS);
    const rates = await inTurns(clients, async client => (await client.round(CALLS, CALLERS)).perSecond);
    const [best, peer] = [(list: number[]) => Math.max(...list), 'bare grpc-js'];
    const reference = best(rates.floor);
    yield atLeastOf('Version, 64 callers (calls/s)', best(rates.plain), reference, 0.7, peer);
    yield atLeastOf('Version with nodes, 64 callers (calls/s)', best(rates.withNodes), reference, 0.7, peer);
    const singles = await inTurns(clients, async client => (await client.round(SINGLE_CALLS, 1)).latencies);
    const p = (name: keyof typeof clients, share: number) =>
      Math.min(...singles[name].map(latencies => quantile(latencies, share)));
    yield atMost('Version with nodes, one caller, p50 (ms)', p('withNodes', 0.5), 0.4, p('floor', 0.5));
    yield atMost('Version with nodes, one caller, p99 (ms)', p('withNodes', 0.99), 1.5, p('floor', 0.99));
  } finally {
    await scope.close();
  }
}

/** Starts the bare server; resolves with its address. */
export async function startFloor(lab: Lab, scope: Scope, streamBytes: number): Promise<string> {
  const host = randomAddress();
  const identity = await lab.cluster.identity([host]);
  const reply = Buffer.alloc(REPLY_BYTES, 0x41).toString('base64');
  const input: FloorInput = { host, identity, reply, streamBytes };
  await ServerProcess.serve(scope, 'floor', input, NODE_FLAGS);
  return host;
}

async function inTurns<Name extends string, Result>(
  clients: Record<Name, LoadClient>,
  measure: (client: LoadClient) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(clients) as Name[];
  const results = Object.fromEntries(names.map(name => [name, []])) as unknown as Record<Name, Result[]>;
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) results[name].push(await measure(clients[name]));
  }
  return results;
}
