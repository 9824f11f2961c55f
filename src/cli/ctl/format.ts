import type { Timestamp } from '../../gen/google/protobuf/timestamp.ts';
import { formatDuration } from '../../lib/duration.ts';

// Bits of a Go file mode above the permissions, from bit 31 downwards (spec/api.md §2.7).
const MODE_LETTERS = 'dalTLDpSugct?';
const PERMISSIONS = 'rwxrwxrwx';
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Files older than this show their year in place of the seconds. */
const RECENT = 180 * DAY;

/** A Go file mode as text: `drwxr-xr-x`, `Lrwxrwxrwx`, `Dcrw-rw-rw-`. */
export function modeText(mode: number): string {
  const kind = [...MODE_LETTERS].filter((_, index) => (mode & (1 << (31 - index))) !== 0).join('');
  const permissions = [...PERMISSIONS].map((letter, index) => (mode & (1 << (8 - index)) ? letter : '-')).join('');
  return (kind || '-') + permissions;
}

/** When a file was changed, in the local time zone: `Nov 24 02:16:14`, or with the year once it is old. */
export function fileTime(milliseconds: number, now: number): string {
  const date = new Date(milliseconds);
  const day = `${MONTHS[date.getMonth()]} ${String(date.getDate()).padStart(2)}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return now - milliseconds < RECENT
    ? `${day} ${clock}:${two(date.getSeconds())}`
    : `${day} ${date.getFullYear()} ${clock}`;
}

const STEPS: readonly (readonly [under: number, unit: number, name: string])[] = [
  [MINUTE, SECOND, 'second'],
  [HOUR, MINUTE, 'minute'],
  [DAY, HOUR, 'hour'],
  [7 * DAY, DAY, 'day'],
  [30 * DAY, 7 * DAY, 'week'],
  [360 * DAY, 30 * DAY, 'month'],
];
const YEAR = 360 * DAY;

/** How long ago, for people: `now`, `2 minutes ago`, `4 years ago`, `1 hour from now`. */
export function relativeTime(milliseconds: number, now: number): string {
  const distance = Math.abs(now - milliseconds);
  if (distance < SECOND) return 'now';
  const label = milliseconds > now ? 'from now' : 'ago';
  if (distance >= 37 * YEAR) return `a long while ${label}`;
  const step = STEPS.find(([under]) => distance < under);
  const name = step?.[2] ?? 'year';
  const started = distance >= 1.5 * YEAR && distance < 2 * YEAR ? 2 : Math.floor(distance / (step?.[1] ?? YEAR));
  return `${started} ${name}${started === 1 ? '' : 's'} ${label}`;
}

/** Time since `timestamp`, rounded to seconds: `1m52s ago`. */
export function age(timestamp: Timestamp | undefined, now: number): string {
  const seconds = Math.round((now - toMilliseconds(timestamp)) / 1000);
  return `${formatDuration(BigInt(seconds) * 1_000_000_000n)} ago`;
}

/** A moment in UTC: `2026-11-24 02:16:14.25 +0000 UTC`. */
export function momentText(timestamp: Timestamp | undefined): string {
  const date = new Date(Number(timestamp?.seconds ?? 0n) * 1000).toISOString();
  const nanos = String(timestamp?.nanos ?? 0)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${date.slice(0, 10)} ${date.slice(11, 19)}${nanos ? `.${nanos}` : ''} +0000 UTC`;
}

/** Milliseconds since the Unix epoch; an absent timestamp is the epoch. */
export function toMilliseconds(timestamp: Timestamp | undefined): number {
  return timestamp ? Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6 : 0;
}

/** The name of an enum value in a generated table, or the bare number of one we do not know. */
export function enumName(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find(name => table[name] === value && name !== 'UNRECOGNIZED') ?? String(value);
}

const two = (value: number): string => String(value).padStart(2, '0');
