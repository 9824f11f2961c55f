import { Scope } from '../../src/lib/scope.ts';
import { atMost, atMostAbove, type Row } from '../row.ts';
import { API_PORT, type Lab, VERSION_PATH } from '../support/lab.ts';

const CALLERS = 64;
const [FEW_CALLS, SHORT_CALLS, MANY_CALLS] = [10_000, 50_000, 100_000];
const IDLE_MILLISECONDS = 3_000;

/** Resident memory of a node: idle, after calls, and after many more. Megabytes are 10^6 bytes. */
export async function* memoryRows(lab: Lab): AsyncGenerator<Row> {
  const scope = new Scope();
  try {
    const { host, process: node } = await lab.agent(scope);
    await pause(IDLE_MILLISECONDS);
    const idle = node.residentMegabytes;
    yield atMost('resident memory, idle (MB)', idle, 120);
    const client = await lab.client(scope, { host, port: API_PORT, path: VERSION_PATH, nodes: [host] });
    await client.round(FEW_CALLS, CALLERS);
    await pause(1000);
    yield atMostAbove(`resident memory after ${FEW_CALLS} calls (MB)`, node.residentMegabytes, idle, 10, 'idle');
    const many = lab.isFull ? MANY_CALLS : SHORT_CALLS;
    await client.round(many - FEW_CALLS, CALLERS);
    await pause(1000);
    yield atMostAbove(`resident memory after ${many} calls (MB)`, node.residentMegabytes, idle, 10, 'idle');
  } finally {
    await scope.close();
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
