import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const main = new URL('../bench/main.ts', import.meta.url).pathname;
const bench = (...args: string[]) => promisify(execFile)(process.execPath, ['--expose-gc', main, ...args]);

test('--json prints one object a row, with the six fields that the table has', async () => {
  const { stdout, stderr } = await bench('--json', '--only', 'store', '--only', 'resources');
  const rows = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  const value = expect.any(Number);
  const met = expect.any(Boolean);
  const store = { row: 'store puts with three watchers (puts/s)', value, reference: value, ratio: value, met };
  const list = { value, reference: null, ratio: null, target: '<= 50', met };
  expect([rows, stderr]).toEqual([
    [
      { ...store, target: '>= 1000000' },
      { ...list, row: 'list of 1000 resources, the first time (ms)' },
      { ...list, row: 'list of 1000 resources (ms)' },
    ],
    '',
  ]);
});

test('an unknown family is refused with the known ones named', async () => {
  await expect(bench('--only', 'nothing')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^no such rows: nothing \(there are start, calls, streams, .*\)\n$/),
  });
});
