import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { CopyRequest, ListRequest, ReadRequest } from '../../src/gen/machine/machine.ts';
import { Scope } from '../../src/lib/scope.ts';
import { atLeastOf, atMost, median, type Row } from '../row.ts';
import { API_PORT, type Lab } from '../support/lab.ts';
import { startFloor } from './calls.ts';

const MIB = 1024 * 1024;
const READ_MIB = 256;
const COPY_MIB = 64;
const ROUNDS = 3;
const ENTRIES = 546;
const LISTS = 50;

/** Read, Copy and List of real files: throughput beside the floor, and what it costs in memory. */
export async function* streamRows(lab: Lab): AsyncGenerator<Row> {
  const scope = new Scope();
  try {
    const big = await fileOf(join(lab.folder, 'big'), READ_MIB, () => Buffer.alloc(MIB, 0x5a));
    const text = await fileOf(join(lab.folder, 'text'), COPY_MIB, () =>
      Buffer.from(randomBytes(MIB / 2).toString('hex')),
    );
    const agent = await lab.agent(scope);
    const { host } = agent;
    const floorHost = await startFloor(lab, scope, READ_MIB * MIB);
    const target = (name: string, request: Uint8Array) => ({
      host,
      port: API_PORT,
      path: `/machine.MachineService/${name}`,
      request,
    });
    const read = await lab.client(scope, target('Read', ReadRequest.encode({ path: big }).finish()));
    const floor = await lab.client(scope, { ...target('Read', new Uint8Array()), host: floorHost });
    await settled();
    const before = agent.process.residentMegabytes;
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, agent.process.residentMegabytes);
    }, 20);
    const rates = { read: 0, floor: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      rates.read = Math.max(rates.read, READ_MIB / (await read.round(1, 1)).seconds);
      rates.floor = Math.max(rates.floor, READ_MIB / (await floor.round(1, 1)).seconds);
    }
    clearInterval(watch);
    yield atLeastOf('Read of 256 MiB (MiB/s)', rates.read, rates.floor, 0.7, 'bare grpc-js');
    yield atMost('memory growth during Read of 3 x 256 MiB (MiB)', ((peak - before) * 1e6) / MIB, 16);
    const copy = await lab.client(scope, target('Copy', CopyRequest.encode({ rootPath: text }).finish()));
    const [copied, zipped]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      copied.push(COPY_MIB / (await copy.round(1, 1)).seconds);
      zipped.push(COPY_MIB / (await gzipSeconds(text)));
    }
    yield atLeastOf(
      'Copy of 64 MiB of text (MiB/s)',
      Math.max(...copied),
      Math.max(...zipped),
      0.7,
      'gzip of that level',
    );
    yield await listRow(lab, scope, target);
  } finally {
    await scope.close();
  }
}

async function listRow(
  lab: Lab,
  scope: Scope,
  target: (name: string, request: Uint8Array) => Parameters<Lab['client']>[1],
): Promise<Row> {
  const root = await tree(join(lab.folder, 'tree'));
  const request = ListRequest.encode({ root, recurse: true, recursionDepth: 0, types: [] }).finish();
  const list = await lab.client(scope, target('List', request));
  for (let warmUp = 0; warmUp < LISTS; warmUp++) await list.once();
  const { latencies } = await list.round(LISTS, 1);
  return atMost(`List -r of ${ENTRIES} entries (ms)`, median(latencies), 11);
}

async function fileOf(path: string, mebibytes: number, block: () => Buffer): Promise<string> {
  const file = await open(path, 'w');
  for (let at = 0; at < mebibytes; at++) await file.write(block());
  await file.close();
  return path;
}

async function gzipSeconds(path: string): Promise<number> {
  const begin = performance.now();
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  await pipeline(createReadStream(path), gzip, async compressed => {
    for await (const _ of compressed);
  });
  return (performance.now() - begin) / 1000;
}

/** A tree of `ENTRIES` folders and files, the root among them. */
async function tree(root: string): Promise<string> {
  const [folders, files] = [35, 510];
  for (let index = 0; index < folders; index++) await mkdir(join(root, folderName(index)), { recursive: true });
  for (let index = 0; index < files; index++)
    await writeFile(join(root, folderName(index % folders), `file-${index}`), '');
  return root;
}

/** Three levels deep: `folder-7/folder-22`. */
function folderName(index: number): string {
  return index < 12 ? `folder-${index}` : join(`folder-${index % 12}`, `folder-${index}`);
}

function settled(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 1000));
}
