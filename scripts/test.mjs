// `npm test`: set-up, check, all suites, and one closing line that counts them. In CI a suite that was skipped without
// one of the allowed reasons is a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackages, installSystemPackages, nodeBinary, projectEnvironment, root, run } from './setup.mjs';

/** What CI may lack: see CONTRIBUTING.md. Kinds of links that the host's kernel has not are tested on machines. */
const ALLOWED_TO_LACK = ['TALOSCTL', 'KUBE_BIN', '../shared', 'links of kind'];

installPackages();
installSystemPackages();
const env = projectEnvironment();
run('npm', ['run', '--silent', 'check'], { env });

const folder = mkdtempSync(join(tmpdir(), 'talosd-test-'));
const report = join(folder, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const started = Date.now();
const result = spawnSync(
  nodeBinary(),
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { cwd: root, env, stdio: 'inherit' },
);
let summary;
try {
  summary = JSON.parse(readFileSync(report, 'utf8'));
} catch (error) {
  console.error(`no test report was written: ${error.message}`);
  process.exit(result.status || 1);
}
rmSync(folder, { recursive: true, force: true });

const skipped = summary.testResults
  .flatMap(file => file.assertionResults)
  .filter(test => test.status === 'pending' || test.status === 'skipped' || test.status === 'todo');
for (const test of skipped) console.log(`skipped: ${test.fullName}`);
const unexpected = skipped.filter(test => {
  const lacks = [...test.fullName.matchAll(/\((needs [^)]*)\)/g)].flatMap(([, list]) => list.split(', '));
  const isAllowed = lack => ALLOWED_TO_LACK.some(reason => lack.startsWith(`needs ${reason}`));
  return lacks.length === 0 || !lacks.every(isAllowed);
});
if (process.env.CI && unexpected.length > 0) {
  console.error(`${unexpected.length} tests were skipped that should run here:`);
  for (const test of unexpected) console.error(`  ${test.fullName}`);
}
console.log(`all suites: ${Math.round((Date.now() - started) / 1000)} s`);
console.log(`${summary.numPassedTests} passed, ${summary.numFailedTests} failed, ${skipped.length} skipped`);
process.exit(result.status || (process.env.CI && unexpected.length > 0 ? 1 : 0));
