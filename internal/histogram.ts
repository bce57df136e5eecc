/** How values are spread: how many are no larger than each of some bounds. */
export class Histogram {
  /** The largest value of each bucket, ascending; what is beyond has its own. */
  readonly bounds: readonly number[];
  /** How many values are in each bucket and in no smaller one; one more than bounds. */
  readonly counts: readonly number[];
  /** Of all values. */
  sum = 0;

  readonly #counts: number[];

  /** @param bounds Ascending. */
  constructor(bounds: readonly number[]) {
    this.bounds = [...bounds];
    this.counts = this.#counts = new Array(bounds.length + 1).fill(0);
  }

  /** How many values there are. */
  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** Counts a value. */
  add(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.#counts[i]!++;
    this.sum += value;
  }
}
