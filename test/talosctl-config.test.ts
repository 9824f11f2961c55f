import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../src/cli/main.ts';
import { describeWith, talosctl } from './support/requires.ts';

const FILES = ['init.yaml', 'controlplane.yaml', 'join.yaml'];
const MODES = ['metal', 'cloud', 'container'];
const ENDPOINT = 'https://10.0.0.1:6443';
const FLAGS = [
  '--install-disk',
  '/dev/null',
  '--registry-mirror',
  'docker.io=http://x:5000',
  '--additional-sans',
  'a.b',
];

describeWith([talosctl], 'configs of either side are accepted by the other', () => {
  const client = promisify(execFile);
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talosd-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function ours(...argv: string[]) {
    let [stdout, stderr] = ['', ''];
    const io = {
      stdout: { write: (text: string | Uint8Array) => (stdout += text) },
      stderr: { write: (text: string | Uint8Array) => (stderr += text) },
    };
    const code = await runCli(argv, { ...io, cwd: folder, env: {} });
    return { code, stdout, stderr };
  }

  test.each([
    ['current', []],
    ['v0.8', ['--talos-version', 'v0.8']],
  ])('ours, %s format', async (name, flags) => {
    const out = join(folder, `ours-${name}`);
    expect(await ours('gen', 'config', 'c', ENDPOINT, '-o', out, ...FLAGS, ...flags)).toMatchObject({ code: 0 });
    for (const file of FILES)
      for (const mode of MODES) {
        const { stdout } = await client(talosctl.path, ['validate', '-c', join(out, file), '-m', mode]);
        expect(stdout).toBe(`${join(out, file)} is valid for ${mode} mode\n`);
      }
    const { stdout } = await client(talosctl.path, ['config', 'contexts', '--talosconfig', join(out, 'talosconfig')]);
    expect(stdout).toMatch(/\*\s+c\s+127\.0\.0\.1/);
  });

  test.each([
    ['current', []],
    ['v0.8', ['--talos-version', 'v0.8']],
  ])('theirs, %s format', async (name, flags) => {
    const out = join(folder, `theirs-${name}`);
    await client(talosctl.path, ['gen', 'config', 'c', ENDPOINT, '-o', out, ...FLAGS, ...flags]);
    for (const file of FILES)
      for (const mode of MODES)
        expect(await ours('validate', '-c', join(out, file), '-m', mode)).toEqual({
          code: 0,
          stdout: `${join(out, file)} is valid for ${mode} mode\n`,
          stderr: '',
        });
  });
});
