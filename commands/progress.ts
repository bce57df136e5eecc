/** Milliseconds between two lines of progress. */
const EVERY = 1000;

/** Prints to stderr how far long work is, once a second. */
export class Progress {
  readonly #verb: string;
  readonly #total: number | undefined;
  #done = 0;
  #printedAt: number = performance.now();

  /**
   * @param verb The start of each line: `Ended`.
   * @param total The number of all; undefined if it is not known.
   */
  constructor(verb: string, total: number | undefined) {
    this.#verb = verb;
    this.#total = total;
  }

  /** Counts what has been done since the last call. */
  add(count: number): void {
    this.#done += count;
    if (performance.now() - this.#printedAt < EVERY) return;
    this.#printedAt = performance.now();
    const of = this.#total === undefined ? "" : ` of ${this.#total}`;
    console.error(`${this.#verb} ${this.#done}${of} sessions ...`);
  }
}
