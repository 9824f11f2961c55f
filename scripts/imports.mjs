// Checks the import table of docs/architecture.md with dependency-cruiser, and that it saw the code at all: with a
// parser that does not fit, it would find no module and no violation.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nodeBinary, root } from './setup.mjs';

const LEAST_MODULES = 200;
const program = join(root, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruiser.mjs');
const result = spawnSync(nodeBinary(), [program, 'src', '--output-type', 'err'], {
  cwd: root,
  encoding: 'utf8',
});
const seen = Number(/\((\d+) modules|(\d+) modules/.exec(result.stdout)?.slice(1).find(Boolean) ?? 0);
if (result.status !== 0 || seen < LEAST_MODULES) {
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  if (seen < LEAST_MODULES) console.error(`dependency-cruiser saw ${seen} modules, expected at least ${LEAST_MODULES}`);
  process.exit(1);
}
