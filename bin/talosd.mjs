#!/usr/bin/env node
// Starts talosd with the Node that npm installed beside it (Node 24), whatever Node runs this file (20 or newer):
// the bundle if it was built, else the TypeScript sources as they are. Signals and the exit code pass through.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(root, 'dist', 'talosd.mjs');
const source = join(root, 'src', 'main.ts');

/** The carried Node's binary, or the running one where that is new enough. */
function findNode() {
  const name = `node-linux-${process.arch}`;
  try {
    const carried = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node');
    if (existsSync(carried)) return carried;
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND' && error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') throw error;
  }
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  process.stderr.write(`talosd needs Node 24; the package ${name} is not installed (npm install brings it)\n`);
  process.exit(1);
}

const child = spawn(findNode(), [existsSync(bundle) ? bundle : source, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'])
  process.on(signal, () => {
    // A terminal sends its own signals to both of us; a second copy of them would look like an impatient user.
    if (!process.stdin.isTTY || (signal !== 'SIGINT' && signal !== 'SIGQUIT')) child.kill(signal);
  });
child.on('error', error => {
  process.stderr.write(`talosd could not be started: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
