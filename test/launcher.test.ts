import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const project = new URL('..', import.meta.url).pathname;
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'talosd-launcher-'));
  await mkdir(join(root, 'bin'));
  await mkdir(join(root, 'src'));
  await cp(join(project, 'bin/talosd.mjs'), join(root, 'bin/talosd.mjs'));
  await symlink(join(project, 'node_modules'), join(root, 'node_modules'));
});
afterAll(() => rm(root, { recursive: true }));

async function launch(source: string, ...argv: string[]) {
  await writeFile(join(root, 'src/main.ts'), source);
  const child = spawn(process.execPath, [join(root, 'bin/talosd.mjs'), ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  return { child, exited };
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += chunk;
  return all;
}

test('runs the sources with the carried Node, arguments as they are, and passes the exit code on', async () => {
  const source = `const words: string[] = process.argv.slice(2);
console.log(JSON.stringify({ words, node: process.versions.node.split('.')[0] })); process.exitCode = 7;`;
  const { child, exited } = await launch(source, 'a b', '$HOME', '--x');
  expect(JSON.parse(await text(child.stdout))).toEqual({ words: ['a b', '$HOME', '--x'], node: '24' });
  expect((await exited)[0]).toBe(7);
});

test('passes SIGTERM on and waits for the end', async () => {
  const source = `process.on('SIGTERM', () => { console.log('stopping'); clearInterval(life); process.exitCode = 3; });
const life = setInterval(() => {}, 1000); console.log('up');`;
  const { child, exited } = await launch(source);
  let seen = '';
  child.stdout.on('data', chunk => {
    seen += chunk;
    if (String(chunk).includes('up')) child.kill('SIGTERM');
  });
  expect([(await exited)[0], seen]).toEqual([3, 'up\nstopping\n']);
});

test('an agent that dies of a signal ends the launcher with 128 and its number', async () => {
  const { exited } = await launch(`process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);`);
  expect((await exited)[0]).toBe(137);
});
