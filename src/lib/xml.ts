import { TalosdError } from './errors.ts';

/** An element: local names without their prefixes, as documents that this project reads spell prefixes differently. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** All character data directly inside, entities resolved. */
  readonly text: string;
}

interface OpenElement {
  readonly tag: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlElement[];
  text: string;
}

const TOKEN =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([^\s/>=<!?]+)((?:[^<>"']|"[^"]*"|'[^']*')*)>|[^<]+/y;
const ATTRIBUTE = /\s+([^\s=/]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads a small XML document into its root element. Document types, and with them entities of a document's own, are
 * refused; so is everything that is not well formed.
 */
export function parseXml(text: string): XmlElement {
  const open: OpenElement[] = [{ tag: '', attributes: new Map(), children: [], text: '' }];
  const source = text.replace(/^\ufeff/, '');
  TOKEN.lastIndex = 0;
  for (let at = 0; at < source.length; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(source);
    if (!match) throw problem(`unexpected ${JSON.stringify(source.slice(at, at + 10))}`);
    const [token, cdata, slash, tag, rest = ''] = match;
    if (cdata !== undefined) open.at(-1)!.text += cdata;
    else if (tag === undefined) open.at(-1)!.text += token.startsWith('<') ? '' : resolved(token);
    else if (slash) close(open, tag);
    else {
      open.push({ tag, attributes: attributesOf(rest.replace(/\/$/, '')), children: [], text: '' });
      if (rest.endsWith('/')) close(open, tag);
    }
  }
  const [document, unclosed] = open;
  if (unclosed) throw problem(`element <${unclosed.tag}> is not closed`);
  if (document!.children.length !== 1 || document!.text.trim() !== '') throw problem('there is not exactly one root');
  return document!.children[0]!;
}

/** The elements at the end of a path of names below `element`. */
export function xmlFind(element: XmlElement, ...path: readonly string[]): XmlElement[] {
  return path.reduce(
    (found, name) => found.flatMap(({ children }) => children.filter(child => child.name === name)),
    [element],
  );
}

/** Text as it stands between tags or in an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, character => `&#${character.charCodeAt(0)};`);
}

function close(open: OpenElement[], tag: string): void {
  const element = open.pop()!;
  const parent = open.at(-1);
  if (!parent || element.tag !== tag) throw problem(`</${tag}> closes <${element.tag}>`);
  const { attributes, children, text } = element;
  parent.children.push({ name: localName(tag), attributes, children, text });
}

function attributesOf(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  ATTRIBUTE.lastIndex = 0;
  let end = 0;
  for (let match = ATTRIBUTE.exec(text); match; match = ATTRIBUTE.exec(text)) {
    attributes.set(localName(match[1]!), resolved(match[2] ?? match[3] ?? ''));
    end = ATTRIBUTE.lastIndex;
  }
  if (text.slice(end).trim() !== '') throw problem(`unexpected ${JSON.stringify(text.slice(end).trim())} in a tag`);
  return attributes;
}

const localName = (tag: string): string => tag.slice(tag.indexOf(':') + 1);

function resolved(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));|&/gi, (entity, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined;
    const character = code === undefined ? ENTITIES[name] : code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
    if (character === undefined) throw problem(`unknown entity ${entity}`);
    return character;
  });
}

const problem = (why: string): TalosdError => new TalosdError('invalid_argument', `not well-formed XML: ${why}`);
