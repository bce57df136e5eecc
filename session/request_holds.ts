/** A request under way that keeps its session from idling out. */
export interface SessionHolder {
  /** Whether its client has left. The session is not kept for such a request. */
  readonly hasLeft: boolean;
}

/** The requests under way of one session. */
export class RequestHolds {
  readonly #holders = new Set<SessionHolder>();

  /** The number of requests, including those of clients that have left. */
  get size(): number {
    return this.#holders.size;
  }

  /** Whether a request has a client that has not left. */
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

  /** Returns whether a request is under way. */
  has(holder: SessionHolder): boolean {
    return this.#holders.has(holder);
  }

  /** Removes a request. */
  remove(holder: SessionHolder): void {
    this.#holders.delete(holder);
  }
}
