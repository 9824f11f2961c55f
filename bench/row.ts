/** One line of the table: what was measured, beside its reference where there is one, and whether that is good enough. */
export interface Row {
  /** What was measured, its unit in brackets. */
  readonly row: string;
  readonly value: number;
  /** The same figure of the peer named in `target`, from the same run; null where the target is absolute. */
  readonly reference: number | null;
  /** `value` over `reference`. */
  readonly ratio: number | null;
  readonly target: string;
  readonly met: boolean;
}

/** Met when the value is at least `floor` times the reference. */
export function atLeastOf(row: string, value: number, reference: number, floor: number, peer: string): Row {
  const ratio = value / reference;
  return { row, value, reference, ratio, target: `>= ${floor} x ${peer}`, met: ratio >= floor };
}

/** Met when the value is at most `limit` times the reference. */
export function atMostOf(row: string, value: number, reference: number, limit: number, peer: string): Row {
  const ratio = value / reference;
  return { row, value, reference, ratio, target: `<= ${limit} x ${peer}`, met: ratio <= limit };
}

/** Met when the value is at least `floor`; a reference may stand beside it. */
export function atLeast(row: string, value: number, floor: number, reference?: number): Row {
  return { row, value, ...beside(value, reference), target: `>= ${floor}`, met: value >= floor };
}

/** Met when the value is at most `limit`; a reference may stand beside it. */
export function atMost(row: string, value: number, limit: number, reference?: number): Row {
  return { row, value, ...beside(value, reference), target: `<= ${limit}`, met: value <= limit };
}

/** Met when the value is at most `slack` above the reference. */
export function atMostAbove(row: string, value: number, reference: number, slack: number, peer: string): Row {
  const target = `<= ${peer} + ${slack}`;
  return { row, value, ...beside(value, reference), target, met: value <= reference + slack };
}

function beside(value: number, reference: number | undefined): Pick<Row, 'reference' | 'ratio'> {
  return reference === undefined ? { reference: null, ratio: null } : { reference, ratio: value / reference };
}

/** The middle one of `values`. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which `share` of `values` lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
