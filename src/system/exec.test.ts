import { expect, test } from 'vitest';
import { exec, execError, execOrThrow, startProgram } from './exec.ts';

test('a program that ends well, one that fails, one that is not there', async () => {
  expect(await exec('/bin/sh', ['-c', 'cat; echo bad >&2; exit 3'], { input: 'hello' })).toMatchObject({
    failed: true,
    exitCode: 3,
    stdout: 'hello',
    stderr: 'bad\n',
    timedOut: false,
    signal: undefined,
    errorCode: undefined,
  });
  expect(await exec('/bin/true', [])).toMatchObject({ failed: false, exitCode: 0, shortMessage: '' });
  expect(await exec('/no/such/program', [])).toMatchObject({
    failed: true,
    exitCode: undefined,
    errorCode: 'ENOENT',
  });
  await expect(execOrThrow('/bin/sh', ['-c', 'echo first; echo why >&2; exit 1'])).rejects.toThrow(
    /exit code 1.*: why$/,
  );
});

test('limits: time, the caller, output; arguments are not seen by a shell; the environment is minimal', async () => {
  const late = await exec('/bin/sleep', ['60'], { timeoutMs: 50 });
  expect(late).toMatchObject({ failed: true, timedOut: true, signal: 'SIGTERM' });
  expect(execError(late).code).toBe('deadline_exceeded');
  const stop = new AbortController();
  const canceled = exec('/bin/sleep', ['60'], { signal: stop.signal });
  stop.abort();
  expect(await canceled).toMatchObject({ failed: true, canceled: true });
  expect(await exec('/bin/sh', ['-c', 'yes'], { maxOutput: 1000 })).toMatchObject({ failed: true });
  expect((await exec('/bin/echo', ['$HOME; `id`'])).stdout).toBe('$HOME; `id`\n');
  process.env.TALOSD_TEST_SECRET = 'x';
  const { stdout } = await exec('/usr/bin/env', [], { env: { EXTRA: '1' } });
  expect(stdout).toContain('EXTRA=1');
  expect(stdout).not.toContain('TALOSD_TEST_SECRET');
});

test('a program that stays hands on its lines until it is killed', async () => {
  const lines: string[] = [];
  let seen = () => {};
  const two = new Promise<void>(resolve => {
    seen = () => lines.length === 2 && resolve();
  });
  const program = startProgram('/bin/sh', ['-c', 'echo a; echo b; exec sleep 60'], line => {
    lines.push(line);
    seen();
  });
  await two;
  program.kill();
  expect(await program.ended).toMatchObject({ failed: true, signal: 'SIGTERM' });
  expect(lines).toEqual(['a', 'b']);
  const complaints: string[] = [];
  const options = { onErrorLine: (line: string) => void complaints.push(line) };
  const talker = startProgram('/bin/sh', ['-c', 'echo a >&2; echo b >&2'], () => {}, options);
  expect(await talker.ended).toMatchObject({ failed: false, stderr: '' });
  expect(complaints).toEqual(['a', 'b']);
  expect(await startProgram('/no/such/program', [], () => {}).ended).toMatchObject({
    failed: true,
    errorCode: 'ENOENT',
  });
});
