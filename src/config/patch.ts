import { isDeepStrictEqual } from 'node:util';
import type { Operation } from 'rfc6902';
import { type Document, isAlias, isMap, isScalar, isSeq, parseAllDocuments, Scalar } from 'yaml';
import { errorMessage, TalosdError } from '../lib/errors.ts';
import { FAILURE, PatchEditor } from './patch-editor.ts';
import { type Edit, spliceEdit } from './splice.ts';
import { plainJson } from './yaml-scalar.ts';

const YAML_OPTIONS = { schema: 'failsafe', uniqueKeys: true, keepSourceTokens: true } as const;

/**
 * Reads a JSON patch (RFC 6902): a JSON array of operations. YAML is refused, as the v0.9 client does
 * (spec/machine-config.md §13.3).
 */
export function parsePatch(text: string): Operation[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new TalosdError('invalid_argument', errorMessage(error), { cause: error });
  }
  if (!Array.isArray(parsed) || parsed.some(item => typeof item !== 'object' || item === null || Array.isArray(item)))
    throw new TalosdError('invalid_argument', 'a JSON patch is an array of operations');
  return parsed as Operation[];
}

/**
 * Applies `operations` in order to the machine config in `text` and returns the new text. Every byte that an operation
 * does not concern stays where the layout allows it; else the document is laid out anew with its comments, key order
 * and spellings. Any failure throws and nothing is applied. Semantics and error texts are those of
 * spec/machine-config.md §13.4. In a stream of several documents the one with `machine` is patched.
 */
export function patchDocument(text: string, operations: readonly Operation[]): string {
  return operations.reduce(patchOnce, text);
}

function patchOnce(text: string, operation: Operation): string {
  const { documents, target } = parseTarget(text);
  const editor = new PatchEditor(target);
  editor.apply(operation);
  const format = { lineWidth: 0, indent: indentOf(text), flowCollectionPadding: true };
  let laidOut: string;
  try {
    laidOut = documents.map(document => document.toString(format)).join('');
  } catch (error) {
    throw new TalosdError('invalid_argument', FAILURE + errorMessage(error), { cause: error });
  }
  const spliced = editor.edits.reduce<string | undefined>(spliceOnce, text);
  return spliced !== undefined && isSameContent(spliced, laidOut) ? spliced : laidOut;
}

function spliceOnce(text: string | undefined, edit: Edit): string | undefined {
  if (text === undefined) return undefined;
  const { target, isBroken } = readTarget(text);
  if (isBroken || !target) return undefined;
  return spliceEdit({ text, document: target, indent: indentOf(text) }, edit);
}

function readTarget(text: string) {
  const documents = parseAllDocuments(text, YAML_OPTIONS) as Document.Parsed[];
  const target = documents.find(document => isMap(document.contents) && document.has('machine')) ?? documents[0];
  const problem = documents.flatMap(document => document.errors)[0];
  return { documents, target, problem, isBroken: problem !== undefined };
}

function parseTarget(text: string): { documents: Document.Parsed[]; target: Document.Parsed } {
  const { documents, target, problem } = readTarget(text);
  if (problem) throw new TalosdError('invalid_argument', `${FAILURE}${problem.message.split('\n', 1)[0]}`);
  if (!target) throw new TalosdError('invalid_argument', `${FAILURE}the document is empty`);
  return { documents, target };
}

/** Whether two texts hold the same documents, spelling of scalars included. */
function isSameContent(text: string, other: string): boolean {
  const [a, b] = [readTarget(text), readTarget(other)];
  if (a.isBroken || b.isBroken) return false;
  return isDeepStrictEqual(
    a.documents.map(document => spelled(document.contents, document)),
    b.documents.map(document => spelled(document.contents, document)),
  );
}

/** A document as nested lists; of each scalar its text and whether it is plain, which decides how it is read. */
function spelled(node: unknown, document: Document): unknown {
  if (isAlias(node)) return spelled(node.resolve(document), document);
  if (isMap(node)) return { map: node.items.map(pair => [spelled(pair.key, document), spelled(pair.value, document)]) };
  if (isSeq(node)) return node.items.map(item => spelled(item, document));
  if (!isScalar(node)) return null;
  return [String(node.value ?? ''), node.type === Scalar.PLAIN && plainJson(node) !== node.value];
}

/** The indentation a document uses: the first indented line of a mapping decides, four where there is none. */
function indentOf(text: string): number {
  const width = /^[^\s#-][^\n]*:[^\n]*\n(?:\s*#[^\n]*\n|\s*\n)*( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 4;
  return Math.min(Math.max(width, 1), 8);
}
