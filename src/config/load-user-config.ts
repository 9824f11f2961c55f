import { errorMessage, TalosdError } from '../lib/errors.ts';
import { authorityProblem } from './check-authority.ts';
import { decodeConfig } from './decode.ts';
import { formatProblem } from './problem.ts';
import type { MachineConfig } from './schema/config.ts';
import type { SourceMap } from './source-map.ts';
import { type RuntimeMode, validateConfig, validationErrorText } from './validate.ts';

/** How a config that a person sends is checked. */
export interface UserConfigOptions {
  readonly mode: RuntimeMode;
  readonly diskExists: (path: string) => boolean;
  /** The words before the rules that it breaks; those of maintenance mode differ (spec/api.md §5). */
  readonly invalid?: 'failed to validate config' | 'configuration validation failed';
}

/** A config that a person sent, sound as far as can be told before it is used. */
export interface UserConfig {
  readonly config: MachineConfig;
  readonly bytes: Uint8Array;
  readonly positions: SourceMap;
  /** Warnings, a line each. */
  readonly notes: readonly string[];
}

/**
 * Reads and checks a config that a person sends: unknown keys are refused. Throws `failed to parse config: …` or
 * `failed to validate config: …` with every problem and its place (machine-config.md §12).
 */
export function loadUserConfig(bytes: Uint8Array, options: UserConfigOptions): UserConfig {
  const decoded = decoding(bytes);
  const { config, positions } = decoded;
  const { mode, diskExists } = options;
  const { problems, notes } = validateConfig(config, { mode, diskExists, positions });
  const authority = authorityProblem(config);
  if (authority) problems.push({ ...positions.locate(authority.path), ...authority });
  if (problems.length > 0) {
    const prefix = options.invalid ?? 'failed to validate config';
    throw new TalosdError('unknown', `${prefix}: ${validationErrorText(problems)}`);
  }
  return { config, bytes, positions, notes: [...decoded.notes, ...notes].map(formatProblem) };
}

function decoding(bytes: Uint8Array) {
  try {
    return decodeConfig(bytes, { file: 'config.yaml', unknownKeys: 'refuse' });
  } catch (error) {
    throw new TalosdError('unknown', `failed to parse config: ${errorMessage(error)}`, { cause: error });
  }
}
