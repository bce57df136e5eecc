/** A request under way that keeps its session from idling out. */
export interface SessionHolder {
  /** Whether its client has left, so that the session is not kept for it. */
  readonly hasLeft: boolean;
}

/** The requests under way of one session. */
export class RequestHolds {
  readonly #holders = new Set<SessionHolder>();

  /** How many there are, those of clients that have left included. */
  get size(): number {
    return this.#holders.size;
  }

  /** Whether the client of one of them is still there. */
  get areAlive(): boolean {
    for (const holder of this.#holders) {
      if (!holder.hasLeft) return true;
      this.#holders.delete(holder);
    }
    return false;
  }

  /** Adds a request. */
  add(holder: SessionHolder): void {
    this.#holders.add(holder);
  }

  /** Whether a request is among them. */
  has(holder: SessionHolder): boolean {
    return this.#holders.has(holder);
  }

  /** Takes a request out. */
  remove(holder: SessionHolder): void {
    this.#holders.delete(holder);
  }
}
