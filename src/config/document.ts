import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isCollection,
  isNode,
  isPair,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import { ConfigError, type Problem } from './problem.ts';
import { positionAt } from './source-map.ts';

/** Bounds of what is read at all: more gives an error, so that no input can hold up or crash the process. */
export const limits = { bytes: 4 * 1024 * 1024, tokens: 500_000, depth: 100, documents: 100, aliasedNodes: 100_000 };

/** One document of the stream: its root node (null where it is empty) and where it starts. */
export interface YamlDocument {
  readonly root: Node | null;
  readonly offset: number;
}

/** A parsed YAML stream, not yet looked at: every alias already has its target. */
export interface YamlStream {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
  readonly documents: readonly YamlDocument[];
  readonly aliases: ReadonlyMap<Alias, Node>;
}

/** Reads bytes as a YAML stream (machine-config.md §1.1). Throws ConfigError for text that is no YAML or too much. */
export function parseYamlStream(bytes: Uint8Array, file: string): YamlStream {
  const lines = new LineCounter();
  const refuse = (message: string, offset = 0): never => {
    throw new ConfigError([
      { ...positionAt(file, lines, offset), path: '', message: `decode error: yaml: ${message}` },
    ]);
  };
  lines.addNewLine(0);
  if (bytes.length > limits.bytes) refuse(`the document is larger than ${limits.bytes} bytes`);
  const text = decodeText(bytes) ?? refuse(notUtf8(bytes));
  const control = /[^\t\n\r\x20-\x7e\x85\u{a0}-\u{d7ff}\u{e000}-\u{10ffff}]/u.exec(text);
  if (control) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
    const { line } = lines.linePos(control.index);
    refuse(`line ${line}: control characters are not allowed`, control.index);
  }
  const documents = compose(text, lines, refuse);
  const problems = documents
    .flatMap(document => document.errors)
    .map(error => {
      const position = positionAt(file, lines, Math.min(error.pos[0], text.length));
      return { ...position, path: '', message: `decode error: yaml: line ${position.line}: ${error.message}` };
    });
  if (problems.length > 0) throw new ConfigError(problems.slice(0, 20));
  const aliases = new Map<Alias, Node>();
  const unknown = documents.flatMap(document => resolveAliases(document.contents, aliases));
  if (unknown.length > 0) {
    throw new ConfigError(unknown.map(alias => unknownAnchor(alias, file, lines)));
  }
  return {
    file,
    text,
    lines,
    aliases,
    documents: documents.map(document => ({ root: document.contents, offset: document.range[0] })),
  };
}

/** Some shells write redirected output as UTF-16; its byte order mark tells. */
function notUtf8([first, second]: Uint8Array): string {
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  return isUtf16 ? 'the document is UTF-16: save it as UTF-8' : 'the document is no UTF-8 text';
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined; // the caller says so, with a position
  }
}

/** Runs lexer, parser and composer over the text, counting as they go. */
function compose(
  text: string,
  lines: LineCounter,
  refuse: (message: string, offset?: number) => never,
): Document.Parsed[] {
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    schema: 'failsafe',
    resolveKnownTags: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  function* tokens() {
    let count = 0;
    for (const lexeme of new Lexer().lex(text)) {
      if (++count > limits.tokens) refuse(`the document has more than ${limits.tokens} tokens`, parser.offset);
      if (parser.stack.length > 2 * limits.depth) refuse('the document is nested too deeply', parser.offset);
      yield* parser.next(lexeme);
    }
    yield* parser.end();
  }
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokens(), false, text.length)) {
    documents.push(document);
    if (documents.length > limits.documents) refuse(`there are more than ${limits.documents} documents`);
  }
  return documents;
}

/** Finds the target of each alias of a document, in order; returns those that have none, or contain themselves. */
function resolveAliases(root: Node | null, targets: Map<Alias, Node>): Alias[] {
  const anchors = new Map<string, Node>();
  const open = new Set<Node>();
  const unknown: Alias[] = [];
  const walk = (node: unknown): void => {
    if (isPair(node)) {
      walk(node.key);
      walk(node.value);
    } else if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target && !open.has(target)) targets.set(node, target);
      else unknown.push(node);
    } else if (isNode(node)) {
      if ('anchor' in node && node.anchor) anchors.set(node.anchor, node);
      if (!isCollection(node)) return;
      open.add(node);
      for (const item of node.items) walk(item);
      open.delete(node);
    }
  };
  walk(root);
  return unknown;
}

function unknownAnchor(alias: Alias, file: string, lines: LineCounter): Problem {
  return {
    ...positionAt(file, lines, alias.range?.[0] ?? 0),
    path: '',
    message: `decode error: yaml: unknown anchor '${alias.source}' referenced`,
  };
}
