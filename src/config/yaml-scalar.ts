import { Scalar } from 'yaml';

// Words and shapes that some YAML reader takes for something else than text.
const OTHER_THAN_TEXT =
  /^(?:~|null|true|false|yes|no|on|off|y|n|[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[\da-f_]+|\d[\d_]*)|[-+]?(?:\.\d[\d_]*|\d[\d_]*(?:\.[\d_]*)?)(?:e[-+]?\d+)?|[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?|[-+]?\.(?:inf|nan)|\d{4}-\d{1,2}-\d{1,2}.*)$/i;
const PLAIN = /^[\w./+][\w./+=@~-]*(?:(?::+| +)[\w./+=@~-]+)*$/;
// Everything that YAML readers of either version print and read back unchanged inside a block.
const BLOCK =
  /^(?:[\t\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\ud800-\udbff][\udc00-\udfff])*$/;
const ESCAPED = /["\\\p{Cc}\u2028\u2029\ufeff\ufffe\uffff]/gu;

/** How a text is written so that it comes back unchanged (spec/machine-config.md §3). */
export type TextStyle = 'plain' | 'block' | 'quoted';

/**
 * Plain where no reader can mistake it, a literal block where its first line starts with a visible character and it
 * ends in at most one newline, double-quoted otherwise.
 */
export function textStyle(text: string): TextStyle {
  if (PLAIN.test(text) && !OTHER_THAN_TEXT.test(text)) return 'plain';
  const isBlock =
    /^[^\s].*\n/.test(text) && !/\n\n$|\n[ \t]+(?:\n|$)|\n\t|^[^\n]*[ \t]\n/.test(text) && BLOCK.test(text);
  return isBlock ? 'block' : 'quoted';
}

/** `text` on one line: plain where `textStyle` allows it, else double-quoted. */
export function inlineText(text: string): string {
  return textStyle(text) === 'plain' ? text : quotedText(text);
}

/** `text` in double quotes, everything that is not plainly printable escaped. */
export function quotedText(text: string): string {
  return `"${text.replace(ESCAPED, escapeCharacter)}"`;
}

function escapeCharacter(character: string): string {
  const short: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' };
  return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const NODE_TYPES = { plain: Scalar.PLAIN, block: Scalar.BLOCK_LITERAL, quoted: Scalar.QUOTE_DOUBLE } as const;

/** A scalar node for a failsafe document (in which every scalar is text) that reads back as `value`. */
export function scalarFor(value: null | boolean | number | string): Scalar<string> {
  const node = new Scalar(String(value));
  if (typeof value !== 'string') node.type = Scalar.PLAIN;
  else node.type = NODE_TYPES[textStyle(value)];
  return node;
}

/** What a scalar of a failsafe document means as JSON; words for booleans are `true` and `false` only. */
export function plainJson(node: Scalar): null | boolean | number | string {
  const text = String(node.value ?? '');
  if (node.type !== undefined && node.type !== Scalar.PLAIN) return text;
  if (/^(?:|~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  const digits = text.replaceAll('_', '');
  if (/^[-+]?0o?[0-7]+$/.test(digits)) return signed(digits, /^0o?/, 8);
  if (/^[-+]?0x[\da-fA-F]+$/.test(digits)) return signed(digits, /^0x/, 16);
  if (/^[-+]?0b[01]+$/.test(digits)) return signed(digits, /^0b/, 2);
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(digits)) return Number(digits);
  return text;
}

function signed(digits: string, prefix: RegExp, radix: number): number {
  const magnitude = Number.parseInt(digits.replace(/^[-+]/, '').replace(prefix, ''), radix);
  return digits.startsWith('-') ? -magnitude : magnitude;
}
