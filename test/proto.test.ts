import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Data } from '../src/gen/common/common.ts';
import { type Disks, DisksResponse } from '../src/gen/storage/storage.ts';

const root = new URL('..', import.meta.url).pathname;

/** Path → text of every file below a folder. */
function tree(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  const paths = files.map(file => join(file.parentPath, file.name)).sort();
  return Object.fromEntries(paths.map(path => [path.slice(folder.length), readFileSync(path, 'utf8')]));
}

test('src/gen is what the generator makes of proto, byte for byte', () => {
  const folder = mkdtempSync(join(tmpdir(), 'talosd-gen-'));
  try {
    execFileSync(process.execPath, [join(root, 'scripts/proto.mjs'), '--out', folder], { cwd: root });
    const [committed, fresh] = [tree(join(root, 'src/gen')), tree(folder)];
    expect(Object.keys(fresh)).toEqual(Object.keys(committed));
    expect(Object.keys(fresh).filter(path => fresh[path] !== committed[path])).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('metadata that a node wrote and metadata that apid appended are one on arrival', () => {
  const fromNode = Data.encode({
    metadata: { hostname: '', error: 'read: gone', status: undefined },
    bytes: Buffer.of(7),
  });
  const fromApid = Data.encode({
    metadata: { hostname: '10.5.0.3', error: '', status: undefined },
    bytes: Buffer.of(),
  });
  expect(Data.decode(Buffer.concat([fromNode.finish(), fromApid.finish()]))).toEqual({
    metadata: { hostname: '10.5.0.3', error: 'read: gone', status: undefined, _unknownFields: {} },
    bytes: Buffer.of(7),
    _unknownFields: {},
  });
});

test('64-bit numbers and fields of a later release survive decode and encode', () => {
  const disks: Disks = {
    metadata: undefined,
    disks: [{ size: 2n ** 64n - 1n, model: 'Model \n', deviceName: '/dev/sda' }],
  };
  // Field 15, varint 1: nothing that this release knows.
  const later = Buffer.concat([DisksResponse.encode({ messages: [disks] }).finish(), Buffer.of(0x78, 0x01)]);
  const decoded = DisksResponse.decode(later);
  expect(decoded.messages[0]?.disks[0]?.size).toBe(2n ** 64n - 1n);
  expect(Buffer.from(DisksResponse.encode(decoded).finish())).toEqual(later);
});
