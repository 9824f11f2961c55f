import { TalosdError } from '../lib/errors.ts';
import type { PrintColumn, ResourceType } from './resource.ts';

/** What clients learn about a type (spec/resources.md §5). */
export interface DefinitionSpec {
  readonly type: string;
  readonly displayType: string;
  readonly aliases: readonly string[];
  readonly printColumns: readonly PrintColumn[];
  readonly defaultNamespace: string;
}

/** The aliases of a type, the short ones made from its capitals apart. */
export interface DerivedNames {
  readonly displayType: string;
  readonly aliases: readonly string[];
  readonly shortAliases: readonly string[];
}

const NAME = '^[A-Z][A-Za-z0-9-]+$';
const SUFFIX = '^[a-z][a-z0-9-]+(\\.[a-z][a-z0-9-]+)*$';

/** English singular of a CamelCase plural; the word itself where it is no plural. */
export function singular(plural: string): string {
  if (/[^aeiou]ies$/.test(plural)) return plural.replace(/ies$/, 'y');
  if (/(?:ss|sh|ch|x|z|us)es$/.test(plural)) return plural.replace(/es$/, '');
  return /[^su]s$/.test(plural) ? plural.slice(0, -1) : plural;
}

/** Checks a type's name and derives what follows from it; throws `invalid_argument` (spec/resources.md §5, steps 1–3). */
export function deriveNames(type: ResourceType<never>): DerivedNames {
  const problem = nameProblem(type.type);
  if (problem) {
    const text = `error validating resource definition ${JSON.stringify(type.type)}: ${problem}`;
    throw new TalosdError('invalid_argument', text);
  }
  const [name, suffix] = split(type.type);
  const displayType = singular(name);
  const plural = name.toLowerCase();
  const parts = suffix.split('.');
  const prefixes = parts.slice(1).map((_, index) => `${plural}.${parts.slice(0, index + 1).join('.')}`);
  const capitals = name.replace(/[^A-Z]/g, '').toLowerCase();
  const plurals = capitals.endsWith('s') ? [] : [`${capitals}s`];
  return {
    displayType,
    aliases: [...(type.aliases ?? []), plural, displayType.toLowerCase(), ...prefixes],
    shortAliases: capitals.length < 2 ? [] : [capitals, ...plurals],
  };
}

function nameProblem(type: string): string | undefined {
  if (!type.includes('.')) return 'missing suffix';
  const [name, suffix] = split(type);
  if (name === '') return 'name is empty';
  if (suffix === '') return 'suffix is empty';
  if (name === name.toLowerCase()) return 'name should be in CamelCase';
  if (!new RegExp(NAME).test(name)) return `name doesn't match ${JSON.stringify(NAME)}`;
  if (!new RegExp(SUFFIX).test(suffix)) return `suffix doesn't match ${JSON.stringify(SUFFIX)}`;
  return singular(name) === name ? 'name should be plural' : undefined;
}

function split(type: string): [name: string, suffix: string] {
  const dot = type.indexOf('.');
  return [type.slice(0, dot), type.slice(dot + 1)];
}
