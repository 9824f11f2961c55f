/** Rows of a table as lines: cells padded to their column's width and `gap` spaces, the last one as it is. */
export function formatTable(rows: readonly (readonly string[])[], gap = 3): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textWidth(cell));
    });
  }
  return rows
    .map(row => `${row.map((cell, column) => pad(cell, column, row.length, widths, gap)).join('')}\n`)
    .join('');
}

/**
 * A table whose end nobody knows: every row is written as it comes, so only the first one is aligned with the header
 * (spec/resources.md §9.2). Nothing is written before the first row.
 */
export class LiveTable {
  #header: readonly string[] | undefined;

  constructor(header: readonly string[]) {
    this.#header = header;
  }

  /** The text to print for one more row. */
  row(cells: readonly string[]): string {
    const rows = this.#header ? [this.#header, cells] : [cells];
    this.#header = undefined;
    return formatTable(rows);
  }
}

function pad(cell: string, column: number, columns: number, widths: readonly number[], gap: number): string {
  return column === columns - 1 ? cell : cell + ' '.repeat(widths[column]! + gap - textWidth(cell));
}

const textWidth = (text: string): number => [...text].length;
