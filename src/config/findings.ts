import type { Position, SourceMap } from './source-map.ts';

/** Collects what the rules find; each rule gets it instead of the options. */
export interface Findings {
  readonly positions: SourceMap | undefined;
  problem(path: string, message: string, hint?: string): void;
  problemAt(position: Position, path: string, message: string): void;
  note(path: string, message: string, hint?: string): void;
}
