/** The number of uids from which free ones are searched and removed. */
const FIRST_SWEEP = 1000;

/** The uids of sessions that were acknowledged, until they are free again. */
export class TakenUids {
  /** When each uid is free again, in UNIX milliseconds. */
  readonly #freeAt = new Map<string, number>();
  #sweepAt = FIRST_SWEEP;

  /** Adds the uid of a session that is acknowledged now. */
  add(uid: string, freeAt: number, now: number): void {
    this.#freeAt.set(uid, freeAt);
    if (this.#freeAt.size >= this.#sweepAt) this.#sweep(now);
  }

  /** Returns whether a uid is taken. */
  has(uid: string, now: number): boolean {
    const freeAt = this.#freeAt.get(uid);
    return freeAt !== undefined && now < freeAt;
  }

  /** Removes the free uids; each costs a constant time on average. */
  #sweep(now: number): void {
    for (const [uid, freeAt] of this.#freeAt) {
      if (now >= freeAt) this.#freeAt.delete(uid);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#freeAt.size);
  }
}
