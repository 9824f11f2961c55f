import { TalosdError } from '../lib/errors.ts';

/** Which format of secrets a Talos version understands (spec/machine-config.md §7.1, §8.2); empty is the current one. */
export function secretsFormat(version: string): '0.8' | '0.9' {
  if (version === '') return '0.9';
  const [, major, minor] = /^v(\d+)\.(\d+)(?:$|\.)/.exec(version) ?? [];
  if (major === undefined)
    throw new TalosdError('invalid_argument', `invalid talos-version: error parsing version "${version}"`);
  return Number(major) === 0 && Number(minor) <= 8 ? '0.8' : '0.9';
}
