import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeConfig } from '../src/config/decode.ts';
import { ConfigError } from '../src/config/problem.ts';
import { parseRuntimeMode, validateConfig, validationErrorText } from '../src/config/validate.ts';

const root = join(import.meta.dirname, '../../shared/golden/validate');
const isHere = existsSync(root);
const reason = isHere ? '' : ` (skipped: no ${root})`;

/** Where machine-config.md says something else than the recording, and what (§1.1, §5, §15). */
const DECIDED: Record<string, string | undefined> = {
  '028-ok-anchors-merge': 'x: unknown key', // unknown keys are refused
  '055-load-wireguard-peers-mapping': undefined, // one peer is a list of one
  '083-bad-keyslot-guide-example': undefined, // keySlot is slot
  '086-crash-machine-null': 'machine instructions are required',
  '088-crash-cluster-network-missing': undefined, // the domain is cluster.local
  '089-crash-worker-null-interface': 'empty device',
  '091-crash-null-partition': 'partitions[0] is empty',
  '092-crash-null-encryption-key': 'keys[0] is empty',
  '094-crash-last-value-is-keyword': 'missing kind', // only keys are looked at
  '107-load-list-of-machine': 'missing kind',
  '110-crash-machine-as-a-value': 'missing kind',
};

/** What the product says to a recorded config: nothing, or the text of what is wrong. */
function verdict(folder: string): string | undefined {
  const file = 'config.yaml';
  const mode = readFileSync(join(root, folder, 'mode.txt'), 'utf8').trim();
  try {
    const bytes = readFileSync(join(root, folder, file));
    const { config, positions } = decodeConfig(bytes, { file, unknownKeys: 'refuse' });
    const options = { mode: parseRuntimeMode(mode), diskExists: existsSync, positions };
    const { problems } = validateConfig(config, options);
    return problems.length === 0 ? undefined : validationErrorText(problems);
  } catch (error) {
    if (error instanceof ConfigError) {
      for (const { line, column } of error.problems) expect(line > 0 && column > 0).toBe(true);
    }
    return (error as Error).message;
  }
}

/** The texts of a recorded loading error that any wording must hold: quotes, values and reasons, without type names. */
function essences(recorded: string): string[] {
  return recorded
    .split('\n')
    .filter(line => !line.endsWith('unmarshal errors:'))
    .map(line => line.replace(/^ +line \d+: /, '').replace(/^(?:deprecated|spec|kind|version) decode: /, ''))
    .map(line => line.replace(/( into )\S+$/, '$1').replace(/^(decode error: yaml: line ).*/, '$1'));
}

describe.skipIf(!isHere)(`what validate says to recorded configs${reason}`, () => {
  const folders = isHere ? readdirSync(root) : [];
  test.each(folders)('%s', folder => {
    const expected = readFileSync(join(root, folder, 'expected.txt'), 'utf8');
    const recorded = expected.slice(expected.indexOf('stderr:\n') + 'stderr:\n'.length).replace(/\n$/, '');
    const said = verdict(folder);
    const kind = folder.split('-')[1];
    if (folder in DECIDED) {
      const decided = DECIDED[folder];
      if (decided === undefined) expect(said).toBeUndefined();
      else expect(said).toContain(decided);
    } else if (kind === 'ok') expect(said).toBeUndefined();
    else if (kind === 'bad') expect(said?.replace(/ \(config\.yaml:\d+:\d+: .*\)$/gm, '')).toBe(recorded);
    else for (const essence of essences(recorded)) expect(said).toContain(essence);
  });
});
