import type { Clock } from "../base/clock.ts";
import { monotonic } from "../base/moment.ts";

/** The most ends that are remembered; the oldest are forgotten first. */
const MAX_ENDS = 100_000;

/**
 * Milliseconds for which a record cannot revive a session that has ended here.
 * Answers are late by seconds only, but a failover may restore a deleted record:
 * most sessions last less than an hour without a visit.
 */
const OVER_FOR = 3_600_000;

/**
 * The sessions that have ended in this process recently, or not yet in the store.
 * The answer to a load may be older than the end, and must not bring the session
 * back.
 */
export class RecentEnds {
  /** The uids of the sessions whose ends are not in the store yet. */
  readonly unwritten: Set<string> = new Set();
  readonly #clock: Clock;
  /** When each session ended, in monotonic milliseconds; the oldest end first. */
  readonly #ends = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds the end of a session. */
  add(uid: string): void {
    const now = monotonic(this.#clock);
    for (const [oldest, at] of this.#ends) {
      const isOld = now - at > OVER_FOR;
      if (!isOld && this.#ends.size < MAX_ENDS) break;
      this.#ends.delete(oldest);
    }
    this.#ends.set(uid, now);
  }

  /** Returns whether a session has ended here. */
  has(uid: string): boolean {
    if (this.unwritten.has(uid)) return true;
    const at = this.#ends.get(uid);
    return at !== undefined &&
      monotonic(this.#clock) - at <= OVER_FOR;
  }
}
