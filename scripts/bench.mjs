// `make bench`: set-up, then the benchmarks on the project's own Node.
import { join } from 'node:path';
import { installPackages, nodeBinary, projectEnvironment, root, run } from './setup.mjs';

installPackages();
run(nodeBinary(), ['--expose-gc', join(root, 'bench', 'main.ts'), ...process.argv.slice(2)], {
  env: projectEnvironment(),
});
