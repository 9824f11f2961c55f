/** What reading base64 gave: the bytes, or the offset of the first character that does not belong there. */
export type Base64Result = { bytes: Uint8Array; badOffset?: undefined } | { bytes?: undefined; badOffset: number };

/**
 * Reads padded standard-alphabet base64; line breaks are ignored, everything else that is not exact is refused with its
 * offset (machine-config.md §2, `illegal base64 data at input byte N`).
 */
export function decodeBase64(text: string): Base64Result {
  const compact = text.replace(/[\r\n]+/g, '');
  const body = /^[A-Za-z0-9+/]*/.exec(compact)![0].length;
  const padding = compact.length - body;
  const isExact = compact.length % 4 === 0 && padding <= 2 && /^=*$/.test(compact.slice(body));
  if (isExact) return { bytes: new Uint8Array(Buffer.from(compact, 'base64')) };
  return { badOffset: offsetWithBreaks(text, badOffset(compact, body)) };
}

/** Where decoding stops in text without line breaks: at a bad character, after surplus padding, or at a torn group. */
function badOffset(compact: string, body: number): number {
  if (body === compact.length) return compact.length - (compact.length % 4);
  if (compact[body] !== '=') return body;
  const inGroup = body % 4;
  if (inGroup < 2) return body;
  if (inGroup === 3) return body + 1;
  return compact[body + 1] === '=' ? body + 2 : Math.min(body + 1, compact.length);
}

function offsetWithBreaks(text: string, offset: number): number {
  let seen = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '\n' || text[index] === '\r') continue;
    if (seen === offset) return index;
    seen++;
  }
  return text.length;
}
