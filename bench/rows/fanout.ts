import { Scope } from '../../src/lib/scope.ts';
import { atMostAbove, median, type Row } from '../row.ts';
import type { FakeNodesInput } from '../servers/fake-nodes.ts';
import { randomAddress } from '../support/cluster.ts';
import { API_PORT, type Lab, VERSION_PATH } from '../support/lab.ts';
import { ServerProcess } from '../support/process.ts';

const NODES = 50;
const SLOWEST_MILLISECONDS = 25;
const CALLS = 20;
const SLACK_MILLISECONDS = 5;
/** `messages` with one element that holds nothing. */
const REPLY = Buffer.from([0x0a, 0x00]).toString('base64');
const STREAM_PATH = '/machine.MachineService/List';

/** One call to fifty nodes beside a call to the slowest of them, and what a silent node among them costs the others. */
export async function* fanOutRows(lab: Lab): AsyncGenerator<Row> {
  const scope = new Scope();
  try {
    const network = randomAddress().split('.').slice(0, 3).join('.');
    const hosts = Array.from({ length: NODES }, (_, index) => `${network}.${index + 1}`);
    const silent = `${network}.${NODES + 1}`;
    const input: FakeNodesInput = {
      identity: await lab.cluster.identity(hosts),
      nodes: hosts.map((host, index) => ({ host, delayMilliseconds: ((index + 1) * SLOWEST_MILLISECONDS) / NODES })),
      silent: [silent],
      reply: REPLY,
    };
    await ServerProcess.serve(scope, 'fake-nodes', input);
    const { host } = await lab.agent(scope);
    const target = { host, port: API_PORT, path: VERSION_PATH, nodes: hosts };
    const all = await lab.client(scope, target);
    const slowest = await lab.client(scope, { ...target, host: hosts.at(-1)!, nodes: [] });
    const stream = await lab.client(scope, { ...target, path: STREAM_PATH });
    const withSilent = await lab.client(scope, { ...target, path: STREAM_PATH, nodes: [silent, ...hosts] });
    for (let warmUp = 0; warmUp < CALLS; warmUp++) {
      await all.once();
      await stream.once();
    }
    const [together, alone]: [number[], number[]] = [[], []];
    for (let call = 0; call < CALLS; call++) {
      together.push(await all.once());
      alone.push(await slowest.once());
    }
    const slack = SLACK_MILLISECONDS;
    yield atMostAbove('one call to 50 nodes (ms)', median(together), median(alone), slack, 'slowest node');
    const undisturbed = await stream.round(CALLS, 1);
    const bytes = undisturbed.bytes / CALLS;
    const disturbed = await whenReceived(withSilent, bytes);
    const reference = median(undisturbed.latencies);
    yield atMostAbove('50 nodes have answered, a 51st is silent (ms)', disturbed, reference, slack, 'without it');
  } finally {
    await scope.close();
  }
}

/** Milliseconds until `bytes` have come; the call itself is left running. */
function whenReceived(client: Awaited<ReturnType<Lab['client']>>, bytes: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const begin = performance.now();
    let left = bytes;
    client.onData = received => {
      left -= received;
      if (left <= 0) resolve(performance.now() - begin);
    };
    client.once().catch(reject);
  });
}
