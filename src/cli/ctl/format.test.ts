import { describe, expect, test } from 'vitest';
import { age, enumName, fileTime, modeText, momentText, relativeTime } from './format.ts';

const DAY = 86_400_000;

describe('cells', () => {
  test.each([
    [0x800001ed, 'drwxr-xr-x'],
    [0x080001ff, 'Lrwxrwxrwx'],
    [0x042001b6, 'Dcrw-rw-rw-'],
    [0x008001ed, 'urwxr-xr-x'],
    [0x801001ff, 'dtrwxrwxrwx'],
    [0x020001c0, 'prwx------'],
    [0o644, '-rw-r--r--'],
    [0, '----------'],
  ])('mode %i is %s', (mode, text) => {
    expect(modeText(mode)).toBe(text);
  });

  test('file times show seconds for half a year, then the year', () => {
    const changed = new Date(2026, 4, 7, 20, 33, 9).getTime();
    expect(fileTime(changed, changed + 10 * DAY)).toBe('May  7 20:33:09');
    expect(fileTime(changed, changed + 181 * DAY)).toBe('May  7 2026 20:33');
  });

  test.each([
    [999, 'now'],
    [1_000, '1 second ago'],
    [59_999, '59 seconds ago'],
    [11 * 60_000, '11 minutes ago'],
    [3_600_000, '1 hour ago'],
    [13 * DAY, '1 week ago'],
    [7 * 30 * DAY, '7 months ago'],
    [17 * 30 * DAY, '1 year ago'],
    [19 * 30 * DAY, '2 years ago'],
    [4.1 * 360 * DAY, '4 years ago'],
    [-2 * 3_600_000, '2 hours from now'],
  ])('%i ms is %s', (distance, text) => {
    expect(relativeTime(10 ** 13 - distance, 10 ** 13)).toBe(text);
  });

  test('ages, moments and enum names', () => {
    const timestamp = { seconds: 1_795_486_574n, nanos: 250_000_000 };
    expect([
      age(timestamp, 1_795_486_686_250),
      age(timestamp, 1_795_486_574_300),
      momentText(timestamp),
      momentText({ seconds: 0n, nanos: 0 }),
      enumName({ A: 0, B: 1, UNRECOGNIZED: -1 }, 1),
      enumName({ A: 0, UNRECOGNIZED: -1 }, -1),
    ]).toEqual(['1m52s ago', '0s ago', '2026-11-24 02:16:14.25 +0000 UTC', '1970-01-01 00:00:00 +0000 UTC', 'B', '-1']);
  });
});
