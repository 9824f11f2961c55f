import { errorMessage } from './lib/errors.ts';

// The composition root. `run` is a node; everything else is a tool that a user types. Neither loads the other's code.
const argv = process.argv.slice(2);
const [command, ...rest] = argv[0] === 'help' && argv[1] === 'run' ? ['run', '--help'] : argv;

try {
  if (command === 'run') {
    const { runNode } = await import('./run.ts');
    process.exit(await runNode(rest));
  } else {
    const { runCli } = await import('./cli/main.ts');
    const { stdout, stderr, env } = process;
    process.exitCode = await runCli(argv, { stdout, stderr, env, cwd: process.cwd() }, { run: 'run a node' });
  }
} catch (error) {
  process.stderr.write(`${errorMessage(error)}\n`);
  process.exit(1);
}
