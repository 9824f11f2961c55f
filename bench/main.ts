// `make bench`: every row of docs/performance.md, or the families named by --only; --json prints one object a row.
import { parseArgs } from 'node:util';
import { errorMessage } from '../src/lib/errors.ts';
import { Scope } from '../src/lib/scope.ts';
import type { Row } from './row.ts';
import { callRows } from './rows/calls.ts';
import { certificateRows } from './rows/certificates.ts';
import { fanOutRows } from './rows/fanout.ts';
import { memoryRows } from './rows/memory.ts';
import { networkRows } from './rows/network.ts';
import { resourceRows } from './rows/resources.ts';
import { startRows } from './rows/start.ts';
import { storeRows } from './rows/store.ts';
import { streamRows } from './rows/streams.ts';
import { Lab } from './support/lab.ts';
import { tableHead, tableLine } from './table.ts';

const FAMILIES: Readonly<Record<string, (lab: Lab) => AsyncIterable<Row>>> = {
  start: startRows,
  calls: callRows,
  streams: streamRows,
  fanout: fanOutRows,
  memory: memoryRows,
  store: storeRows,
  certificates: certificateRows,
  resources: resourceRows,
  network: networkRows,
};

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: Object.keys(FAMILIES) },
    full: { type: 'boolean', default: false },
  },
});
const unknown = values.only.filter(name => !Object.hasOwn(FAMILIES, name));
if (unknown.length > 0) {
  console.error(`no such rows: ${unknown.join(', ')} (there are ${Object.keys(FAMILIES).join(', ')})`);
  process.exit(1);
}

const scope = new Scope(error => console.error(`cleaning up: ${errorMessage(error)}`));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => scope.close().then(() => process.exit(1)));
try {
  const lab = await Lab.create(scope, values.full);
  if (!values.json) console.log(tableHead());
  for (const name of values.only) {
    for await (const row of FAMILIES[name]!(lab)) console.log(values.json ? JSON.stringify(row) : tableLine(row));
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await scope.close();
}
