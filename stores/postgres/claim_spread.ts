/**
 * Milliseconds over which several nodes spread their claims. The first one claims the
 * due ends, and the others find nothing. Ends are late by this at most, with two nodes
 * by half of it.
 */
const SPREAD = 20;

/** Milliseconds after the last claim of another node, from which claims are not spread. */
const OTHERS_STAY = 10_000;

/** The most ends whose notifications have not come back yet. */
const MOST_OWN = 1000;

/** Spreads the claims of a node while other nodes claim too. */
export class ClaimSpread {
  /** Ends that this node has claimed, and whose notifications it has not had. */
  readonly #own = new Set<string>();
  #othersAt = -Infinity;

  /** Records the uid of an end that this node has claimed. */
  noteOwn(uid: string): void {
    // Notifications may be lost.
    if (this.#own.size === MOST_OWN) this.#own.clear();
    this.#own.add(uid);
  }

  /** Records the notification of an end. */
  noteEnd(uid: string): void {
    if (!this.#own.delete(uid)) this.#othersAt = performance.now();
  }

  /** Returns the milliseconds to wait before a claim; 0 if no other node claims. */
  pause(): number {
    const isShared = performance.now() - this.#othersAt < OTHERS_STAY;
    return isShared ? Math.random() * SPREAD : 0;
  }
}
