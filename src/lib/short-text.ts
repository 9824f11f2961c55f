/** `text`, or its first `limit` characters and how many more there were. */
export function shortText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const kept = text.slice(0, limit).toWellFormed(); // the cut may part the two halves of one character
  return `${kept}… (${text.length - limit} more characters)`;
}

/** As {@link shortText}, for a text that travels percent-encoded and must not be longer than `limit` bytes there. */
export function shortEncodedText(text: string, limit: number): string {
  const whole = text.toWellFormed();
  // One character of the text is at most nine of the encoded one.
  if (whole.length * 9 <= limit) return whole;
  let kept = whole.length;
  for (let short = whole; ; short = shortText(whole, kept)) {
    const length = encodeURI(short).length;
    if (length <= limit) return short;
    kept = Math.floor(kept * Math.min(0.9, limit / length));
  }
}
