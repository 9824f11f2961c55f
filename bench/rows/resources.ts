import { join } from 'node:path';
import { ListRequest } from '../../src/gen/resource/resource.ts';
import { Scope } from '../../src/lib/scope.ts';
import { atMost, median, type Row } from '../row.ts';
import type { ManyResourcesInput } from '../servers/many-resources.ts';
import { randomAddress } from '../support/cluster.ts';
import { API_PORT, type Lab, NODE_FLAGS } from '../support/lab.ts';
import { ServerProcess } from '../support/process.ts';

const COUNT = 1000;
const LISTS = 20;

/** List of a thousand resources through the API. */
export async function* resourceRows(lab: Lab): AsyncGenerator<Row> {
  const scope = new Scope();
  try {
    const host = randomAddress();
    const input: ManyResourcesInput = {
      host,
      identity: await lab.cluster.identity([host]),
      count: COUNT,
      auditFile: join(lab.folder, 'many-resources', 'audit.log'),
    };
    await ServerProcess.serve(scope, 'many-resources', input, NODE_FLAGS);
    const request = ListRequest.encode({ namespace: '', type: 'services' }).finish();
    const target = { host, port: API_PORT, path: '/resource.ResourceService/List', request };
    const client = await lab.client(scope, target);
    const first = await client.once();
    yield atMost(`list of ${COUNT} resources, the first time (ms)`, first, 50);
    const { latencies } = await client.round(LISTS, 1);
    yield atMost(`list of ${COUNT} resources (ms)`, median(latencies), 50);
  } finally {
    await scope.close();
  }
}
