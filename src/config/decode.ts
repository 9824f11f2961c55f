import { isMap, isScalar, type Node, type YAMLMap } from 'yaml';
import { ValueDecoder } from './decode-value.ts';
import { parseYamlStream, type YamlDocument, type YamlStream } from './document.ts';
import { ConfigError, type Problem } from './problem.ts';
import { resolveScalar } from './scalar.ts';
import { type MachineConfig, machineConfig } from './schema/config.ts';
import { field, object, string } from './schema/types.ts';
import { SourceMap } from './source-map.ts';
import { nearestKey } from './suggest.ts';

/** How a document is read. */
export interface DecodeOptions {
  /** The name of the file in positions. */
  readonly file: string;
  /** What a key that no section knows is: a problem, or a note (machine-config.md §15). */
  readonly unknownKeys: 'refuse' | 'note';
}

/** A loaded configuration with the document it came from. */
export interface DecodedConfig {
  readonly config: MachineConfig;
  /** The document, byte for byte. */
  readonly source: Uint8Array;
  /** Warnings, in document order (machine-config.md §15). */
  readonly notes: readonly Problem[];
  /** Where each value stands; `validateConfig` takes it. */
  readonly positions: SourceMap;
}

/** The outer mapping of the `kind` + `version` + `spec` form (machine-config.md §1.1). */
const envelope = object({
  kind: field(string, 'The kind of the document: `v1alpha1`.'),
  version: field(string, 'Any text.'),
  spec: field(machineConfig, 'The configuration.'),
});

/**
 * Loads a machine configuration as machine-config.md §1 and §15 say: every document of the stream is read, the first
 * is the configuration. Throws ConfigError with all problems at once; nothing else, whatever the bytes are.
 */
export function decodeConfig(bytes: Uint8Array, options: DecodeOptions): DecodedConfig {
  const stream = parseYamlStream(bytes, options.file);
  if (stream.documents.length === 0) throw new ConfigError([atStart(options.file, 'config not found')]);
  const decoded = stream.documents.map(document => {
    const decoder = new ValueDecoder(stream, options.unknownKeys);
    return { decoder, config: decodeDocument(decoder, document, stream) };
  });
  const problems = decoded.flatMap(({ decoder }) => decoder.problems);
  const { decoder, config } = decoded[0]!;
  if (problems.length > 0 || config === undefined) throw new ConfigError(problems.sort(byPosition));
  return {
    config,
    source: bytes,
    notes: decoded.flatMap(({ decoder }) => decoder.notes).sort(byPosition),
    positions: new SourceMap(options.file, stream.lines, decoder.offsets, decoder.nullEntries),
  };
}

function decodeDocument(decoder: ValueDecoder, document: YamlDocument, stream: YamlStream): MachineConfig | undefined {
  const { root } = document;
  const top = isMap(root) ? topLevel(root, stream) : new Map<string, Node | null>();
  if (top.has('machine')) return decoder.decodeSection('', machineConfig, root);
  const place = root ?? document.offset;
  const missing = (message: string) => decoder.fail(place, '', { message });
  const kind = textOf(top.get('kind'));
  const version = textOf(top.get('version'));
  if (kind === undefined) decoder.fail(top.get('kind') ?? place, 'kind', notText('kind', top.get('kind')));
  else if (kind === '') decoder.fail(place, '', { message: 'missing kind', hint: withoutMachine(root, top) });
  else if (version === undefined)
    decoder.fail(top.get('version') ?? place, 'version', notText('version', top.get('version')));
  else if (version === '') missing('missing version');
  else if (!top.has('spec')) missing('missing spec');
  else if (isEmpty(top.get('spec'))) missing('missing spec content');
  else if (kind !== 'v1alpha1')
    missing(`new config: ${JSON.stringify(kind)} ${JSON.stringify(version)}: not registered`);
  else return decodeEnvelope(decoder, root as YAMLMap, top.get('spec') ?? null);
  return undefined;
}

function decodeEnvelope(decoder: ValueDecoder, root: YAMLMap, spec: Node | null): MachineConfig | undefined {
  for (const { key, keyNode, value } of decoder.entries('', root)) {
    if (!Object.hasOwn(envelope.fields, key)) decoder.unknownKey('', envelope, key, keyNode, value);
  }
  return decoder.decodeSection('', machineConfig, spec);
}

/** The keys of the outermost mapping; only keys are looked at (machine-config.md §15). Aliases are followed. */
function topLevel(root: YAMLMap, stream: YamlStream): Map<string, Node | null> {
  const follow = (node: unknown) => stream.aliases.get(node as never) ?? (node as Node | null);
  const found = new Map<string, Node | null>();
  for (const { key, value } of root.items) {
    const name = follow(key);
    if (isScalar(name)) found.set(String(name.value), follow(value ?? null));
  }
  return found;
}

/** What is the matter with a document that has neither `machine` nor `kind`: most often the key is misspelled. */
function withoutMachine(root: Node | null, top: ReadonlyMap<string, Node | null>): string {
  const meant = [...top.keys()].find(key => nearestKey(key, ['machine']) !== undefined);
  if (meant !== undefined) return `did you mean machine in place of ${meant}?`;
  const isEmptyDocument = root === null || (isScalar(root) && textOf(root) === '');
  return isEmptyDocument ? 'the document is empty' : 'a machine config has the key machine';
}

/** The text of a scalar, empty for null and absent, undefined for a list or mapping. */
function textOf(node: Node | null | undefined): string | undefined {
  if (!node) return '';
  if (!isScalar(node)) return undefined;
  const scalar = resolveScalar(node);
  return scalar.tag === 'null' ? '' : scalar.text;
}

function notText(key: string, node: Node | null | undefined) {
  const isMapping = isMap(node);
  return {
    found: isMapping ? 'a mapping' : 'a list',
    expected: 'text',
    message: `${key} decode: cannot unmarshal ${isMapping ? '!!map' : '!!seq'} into string`,
  };
}

function isEmpty(node: Node | null | undefined): boolean {
  return !node || isScalar(node) || !('items' in node) || (node.items as unknown[]).length === 0;
}

function atStart(file: string, message: string): Problem {
  return { file, line: 1, column: 1, path: '', message };
}

function byPosition(left: Problem, right: Problem): number {
  return left.line - right.line || left.column - right.column;
}
