/** The most sessions of a principal that a full site treats like any other. */
const MANY = 8;

/**
 * The principals that have very many sessions: more than 8, or more than half of
 * the site's limit if that is less.
 *
 * Each change takes a constant time: a principal's number of sessions changes by
 * one, so the largest number does too.
 */
export class Crowds {
  readonly #many: number;
  /** The principals with very many sessions, by their number. */
  readonly #byCount = new Map<number, Set<string>>();
  #largest = 0;

  /** @param max The most sessions of the site. */
  constructor(max: number) {
    this.#many = Math.min(MANY, Math.max(1, Math.floor(max / 2)));
  }

  /** Records the number of a principal's sessions, now and before. */
  note(principal: string, count: number, before: number): void {
    if (before > this.#many) {
      const principals = this.#byCount.get(before);
      principals?.delete(principal);
      if (principals?.size === 0) this.#byCount.delete(before);
    }
    if (count <= this.#many) return;
    this.#largest = Math.max(this.#largest, count);
    const principals = this.#byCount.get(count);
    if (principals === undefined) {
      this.#byCount.set(count, new Set([principal]));
    } else principals.add(principal);
  }

  /** Returns the principal with the most sessions, if it has very many. */
  find(): string | undefined {
    while (this.#largest > this.#many) {
      const [principal] = this.#byCount.get(this.#largest) ?? [];
      if (principal !== undefined) return principal;
      this.#largest--;
    }
    return undefined;
  }
}
