// Runs `talosd ctl` commands that come in as lines of JSON (`{"number", "args"}`) and answers each with one line
// (`{"number", "code", "stdout", "stderr"}`): a test starts this once inside a network namespace.
import { createInterface } from 'node:readline';
import { runCli } from '../../src/cli/main.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const { number, args } = JSON.parse(line) as { number: number; args: string[] };
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const collect = (parts: Buffer[]) => ({
    write: (text: string | Uint8Array) => parts.push(Buffer.from(text as string)),
  });
  const io = { stdout: collect(output.stdout), stderr: collect(output.stderr), env: process.env, cwd: process.cwd() };
  void runCli(['ctl', ...args], io).then(code => {
    const [stdout, stderr] = [output.stdout, output.stderr].map(parts => Buffer.concat(parts).toString());
    process.stdout.write(`${JSON.stringify({ number, code, stdout, stderr })}\n`);
  });
}
