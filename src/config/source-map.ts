import type { LineCounter } from 'yaml';
import { parentPath } from './path.ts';

/** A place in a configuration file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A null entry of a list or map of mappings; such entries are left out of the config (machine-config.md §5). */
export interface NullEntry {
  /** The list or map that holds it. */
  readonly parent: string;
  /** Its own path, with its index or key in the document. */
  readonly path: string;
  /** How many entries before it were kept. */
  readonly keptBefore: number;
  readonly position: Position;
}

/** Where each value of a decoded config stands in its file. Paths are those of the decoded config. */
export class SourceMap {
  readonly file: string;
  readonly nullEntries: readonly NullEntry[];
  readonly #offsets: ReadonlyMap<string, number>;
  readonly #lines: LineCounter;

  constructor(
    file: string,
    lines: LineCounter,
    offsets: ReadonlyMap<string, number>,
    nullEntries: readonly NullEntry[],
  ) {
    this.file = file;
    this.nullEntries = nullEntries;
    this.#lines = lines;
    this.#offsets = offsets;
  }

  /** Where `path` stands, or the nearest section around it that is in the file. */
  locate(path: string): Position {
    for (let at: string | undefined = path; at !== undefined; at = parentPath(at)) {
      const offset = this.#offsets.get(at);
      if (offset !== undefined) return positionAt(this.file, this.#lines, offset);
    }
    return { file: this.file, line: 1, column: 1 };
  }
}

/** The position of a character offset. */
export function positionAt(file: string, lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}
