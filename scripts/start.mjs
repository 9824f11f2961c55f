// `npm start` and `make run`: set-up, then a node as an ordinary process.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, NODE_FLAGS, nodeBinary, projectEnvironment, root } from './setup.mjs';

installPackages();
const child = spawn(nodeBinary(), [...NODE_FLAGS, join(root, 'src', 'main.ts'), 'run', ...process.argv.slice(2)], {
  cwd: root,
  env: projectEnvironment(),
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
