import type { Row } from './row.ts';

const COLUMNS = ['row', 'value', 'reference', 'ratio', 'target', 'met'] as const;

/** One row as text: columns as wide as those of the head. */
export function tableLine(row: Row): string {
  const { value, reference, ratio, target, met } = row;
  return line([row.row, figure(value), figure(reference), figure(ratio), target, met ? 'yes' : 'NO']);
}

/** The head of the table. */
export function tableHead(): string {
  return line(COLUMNS);
}

function line([name, value, reference, ratio, target, met]: readonly string[]): string {
  const figures = [value, reference, ratio].map(text => text!.padStart(10)).join(' ');
  return `${name!.padEnd(58)} ${figures}  ${target!.padEnd(28)} ${met}`;
}

/** Three significant digits, whole numbers above a hundred. */
function figure(value: number | null): string {
  if (value === null) return '-';
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
