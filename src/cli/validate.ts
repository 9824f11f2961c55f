import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { authorityProblem } from '../config/check-authority.ts';
import { decodeConfig } from '../config/decode.ts';
import { formatProblem } from '../config/problem.ts';
import { parseRuntimeMode, validateConfig, validationErrorText } from '../config/validate.ts';
import { TalosdError } from '../lib/errors.ts';
import type { Command } from './command.ts';
import { readInput } from './files.ts';

/** `validate`: loads and checks a machine config as a node would (spec/machine-config.md §13.5, §15). */
export const validateCommand: Command = {
  args: '',
  help: 'Checks a machine config. Warnings go to stderr and do not fail it.',
  options: [
    { flags: '-c, --config <file>', help: 'the config file', default: '' },
    { flags: '-m, --mode <mode>', help: 'where it is to run: metal, cloud or container' },
  ],
  run: async (_args, options, io) => {
    const modeText = options.required('mode');
    const file = options.string('config') ?? '';
    const { config, notes, positions } = decodeConfig(await readInput(io, file), { file, unknownKeys: 'refuse' });
    const mode = parseRuntimeMode(modeText);
    const diskExists = (path: string) => path !== '' && isThere(resolve(io.cwd, path));
    const validation = validateConfig(config, { mode, diskExists, positions });
    const authority = authorityProblem(config);
    if (authority) validation.notes.push({ ...positions.locate(authority.path), ...authority });
    for (const note of [...notes, ...validation.notes]) io.stderr.write(`note: ${formatProblem(note)}\n`);
    if (validation.problems.length > 0) throw new TalosdError('unknown', validationErrorText(validation.problems));
    io.stdout.write(`${file} is valid for ${mode} mode\n`);
    return 0;
  },
};

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    // Only "no such file" says that a disk is missing; one that may not be looked at is there.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
