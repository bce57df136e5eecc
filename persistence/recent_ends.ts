import { type Clock, monotonic } from "../base/clock.ts";

/** The most ends that are remembered; the oldest are forgotten first. */
const MAX_ENDS = 100_000;

/**
 * The uids of sessions that have ended in this process recently. The answer to a
 * load may be older than the end, and must not bring the session back.
 */
export class RecentEnds {
  readonly #clock: Clock;
  readonly #lifetime: number;
  /** When each session ended, in monotonic milliseconds; the oldest end first. */
  readonly #ends = new Map<string, number>();

  /** @param lifetime Milliseconds for which an end is remembered. */
  constructor(clock: Clock, lifetime: number) {
    this.#clock = clock;
    this.#lifetime = lifetime;
  }

  /** Adds the end of a session. */
  add(uid: string): void {
    const now = monotonic(this.#clock);
    for (const [oldest, at] of this.#ends) {
      const isOld = now - at > this.#lifetime;
      if (!isOld && this.#ends.size < MAX_ENDS) break;
      this.#ends.delete(oldest);
    }
    this.#ends.set(uid, now);
  }

  /** Returns whether a session ended within the lifetime. */
  has(uid: string): boolean {
    const at = this.#ends.get(uid);
    return at !== undefined &&
      monotonic(this.#clock) - at <= this.#lifetime;
  }
}
