/** Milliseconds between two lines of progress. */
const EVERY = 1000;

/** Prints the progress of long work to stderr, once a second. */
export class Progress {
  readonly #verb: string;
  readonly #total: number | undefined;
  #done = 0;
  #printedAt: number = performance.now();

  /**
   * @param verb The start of each line: `Ended`.
   * @param total The total number; undefined if it is unknown.
   */
  constructor(verb: string, total: number | undefined) {
    this.#verb = verb;
    this.#total = total;
  }

  /** Adds to the count. */
  add(count: number): void {
    this.#done += count;
    if (performance.now() - this.#printedAt < EVERY) return;
    this.#printedAt = performance.now();
    const of = this.#total === undefined ? "" : ` of ${this.#total}`;
    console.error(`${this.#verb} ${this.#done}${of} sessions ...`);
  }
}
