/** The lowest, the middle and the highest of several values. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/**
 * The spread of values; of an even count the median is the mean of the middle
 * two.
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
