import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loopbackAddresses } from './support/loopback.ts';
import { Cleanup, project } from './support/node.ts';
import { RunningProcess, runProcess } from './support/process.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

describe('a stranger on a fresh clone', () => {
  test('starts a node with npm start, asks for its version, all in two minutes, and ends it', async () => {
    const started = Date.now();
    const clone = join(await cleanup.folder('first'), 'talosd');
    const cloned = await runProcess('git', ['clone', '--quiet', project, clone]);
    expect(cloned).toMatchObject({ code: 0, stderr: '' });
    const [listen] = loopbackAddresses(1);
    const node = new RunningProcess('npm', ['start', '--', '--listen', listen!], { cwd: clone });
    cleanup.add(node, running => running.stop('SIGTERM'));
    await node.waitFor(({ stdout }) => stdout.includes('talosd is up'), 120_000);
    expect(existsSync(join(clone, '.node', 'talosconfig'))).toBe(true);
    const version = await runProcess('npx', ['talosd', 'ctl', 'version'], { cwd: clone });
    expect(version).toMatchObject({ code: 0, stdout: expect.stringContaining(`NODE:        ${listen}`) });
    expect(Date.now() - started).toBeLessThan(120_000);
    // Resolves when npm and all that it started have let go of their output.
    const { stderr } = await node.stop('SIGTERM');
    expect(stderr).toBe('');
  }, 300_000);
});
