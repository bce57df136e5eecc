/** The minimum, median and maximum of several values. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/**
 * Returns the spread of values. The median of an even count is the mean of the
 * middle two.
 *
 * @throws {RangeError} If there are no values.
 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) {
    throw new RangeError("Cannot take the spread of no values");
  }
  const sorted = values.toSorted((one, other) => one - other);
  const half = (sorted.length - 1) / 2;
  return {
    min: sorted[0]!,
    median: (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2,
    max: sorted[sorted.length - 1]!,
  };
}

/**
 * Returns the value below which a part of the values lies, from 0 to 1; 1 is the
 * greatest.
 *
 * @throws {RangeError} If there are no values.
 */
export function quantileOf(values: readonly number[], part: number): number {
  if (values.length === 0) {
    throw new RangeError("Cannot take a quantile of no values");
  }
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
