/** Bytes of each unit that size texts use, in lower case (machine-config.md §2). */
const UNITS: Record<string, number> = { '': 1, b: 1 };
['k', 'm', 'g', 't', 'p', 'e'].forEach((letter, index) => {
  UNITS[letter] = UNITS[`${letter}b`] = 1000 ** (index + 1);
  UNITS[`${letter}i`] = UNITS[`${letter}ib`] = 1024 ** (index + 1);
});
const NAMES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** What reading a size gave: the number of bytes, or why it is none. */
export type SizeResult = { bytes: bigint; error?: undefined } | { bytes?: undefined; error: string };

/** Reads `100 MB`, `1.5GiB`, `1,000` and the like; fractions of a byte are cut off (machine-config.md §2). */
export function parseSize(text: string): SizeResult {
  const leading = /^[\p{Nd}.,]*/u.exec(text)![0];
  const number = leading.replaceAll(',', '');
  if (!/^(?:[0-9]+\.?[0-9]*|\.[0-9]+)$/.test(number)) {
    return { error: `strconv.ParseFloat: parsing ${JSON.stringify(number)}: invalid syntax` };
  }
  const unit = text.slice(leading.length).trim().toLowerCase();
  const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (scale === undefined) return { error: `unhandled size name: ${unit}` };
  const bytes = Number(number) * scale;
  return bytes >= 2 ** 64 ? { error: `too large: ${text}` } : { bytes: BigInt(Math.trunc(bytes)) };
}

/** The decimal form for people where it stands for exactly this count (`1.5 GB`), else the plain number. */
export function formatSize(bytes: bigint): string {
  if (bytes % 1000n !== 0n) return String(bytes);
  const text = humanSize(bytes);
  return parseSize(text).bytes === bytes ? text : String(bytes);
}

/** About how much that is: `82 B`, `1.5 kB`, `10 GB`. */
export function humanSize(bytes: bigint): string {
  if (bytes < 10n) return `${bytes} B`;
  const count = Number(bytes);
  const step = Math.min(Math.floor(Math.log(count) / Math.log(1000)), NAMES.length - 1);
  const value = Math.floor((count / 1000 ** step) * 10 + 0.5) / 10;
  const floor = Math.floor(value);
  const whole = value - floor === 0.5 ? floor + (floor % 2) : Math.round(value); // a half goes to the even number
  return `${value < 10 ? value.toFixed(1) : whole} ${NAMES[step]}`;
}
