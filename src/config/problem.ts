import { TalosdError } from '../lib/errors.ts';

/** Something wrong, or worth a note, in a configuration document. Line and column count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document, as in `machine.network.interfaces[0].mtu`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  /** What stands there; secrets are never shown. */
  readonly found?: string;
  /** What should stand there. */
  readonly expected?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/** Thrown when a document cannot be loaded; holds every problem that was found, in document order. */
export class ConfigError extends TalosdError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('unknown', problems.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * One problem as one line: `file:line:column: path: message`, or with `found X, expected Y (message)` in place of the
 * message where both are known, then `; hint`.
 */
export function formatProblem(problem: Problem): string {
  const { file, line, column, path, found, expected, message, hint } = problem;
  const body = found === undefined ? message : `found ${found}, expected ${expected} (${message})`;
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${body}${hint ? `; ${hint}` : ''}`;
}
