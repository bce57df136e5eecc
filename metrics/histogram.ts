/** Counts values in buckets, to show how they are distributed. */
export class Histogram {
  /** The largest value of each bucket, ascending. One more bucket has no bound. */
  readonly bounds: readonly number[];
  /** The number of values in each bucket; has one element more than bounds. */
  readonly counts: readonly number[];
  /** The sum of all values. */
  sum = 0;

  readonly #counts: number[];

  /** @param bounds Must ascend. */
  constructor(bounds: readonly number[]) {
    this.bounds = [...bounds];
    this.counts = this.#counts = new Array(bounds.length + 1).fill(0);
  }

  /** The number of all values. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Adds a value to its bucket. */
  add(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.#counts[i]!++;
    this.sum += value;
  }
}
