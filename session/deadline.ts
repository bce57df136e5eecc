import { describe } from "../base/describe.ts";
import { checkCallbackCount } from "./named_callback.ts";

/** The timeouts that a deadline is computed from, in seconds. */
export interface Timeouts {
  readonly sessionTimeout: number;
  readonly absoluteTimeout: number;
}

/**
 * Returns when a session ends if no access comes.
 *
 * @param timeouts The session, or an object with the same timeouts.
 * @param touchedAt UNIX milliseconds of the last access.
 * @param startedAt UNIX milliseconds from which `absoluteTimeout` counts.
 * @throws {TypeError} If a timeout is not a number.
 * @throws {RangeError} If a timeout is negative or NaN.
 */
export function deadlineOf(
  timeouts: Timeouts,
  touchedAt: number,
  startedAt: number,
): number {
  const { sessionTimeout, absoluteTimeout } = timeouts;
  checkTimeout(timeouts, "sessionTimeout", sessionTimeout);
  checkTimeout(timeouts, "absoluteTimeout", absoluteTimeout);
  const idle = touchedAt + sessionTimeout * 1000;
  const absolute = startedAt + absoluteTimeout * 1000;
  return idle < absolute ? idle : absolute;
}

/**
 * Checks a timeout, in seconds.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is negative or NaN.
 */
export function checkTimeout(
  owner: object,
  name: string,
  seconds: unknown,
): void {
  if (typeof seconds === "number" && seconds >= 0) return;
  throw refusalOf(
    seconds,
    `Cannot use ${name} of ${owner.constructor.name}: ${
      describe(seconds)
    } is not a number of seconds, 0 or more`,
  );
}

/** Returns the error of a number that is out of range, or of another kind. */
function refusalOf(value: unknown, message: string): Error {
  return new (typeof value === "number" ? RangeError : TypeError)(message);
}

/**
 * Why a session ended.
 *
 * - `"idle"`: `sessionTimeout` seconds without access
 * - `"absolute"`: `absoluteTimeout` seconds since the login or the creation
 * - `"logout"`: the application called `logOut()` or `expire()`
 * - `"evicted"`: it made room for another session
 * - `"revoked"`: an administrator, or the user elsewhere, ended it
 * - `"shutdown"`: the site was closed
 * - `"lost"`: it vanished from the store
 */
export type SessionEndReason =
  | "idle"
  | "absolute"
  | "logout"
  | "evicted"
  | "revoked"
  | "shutdown"
  | "lost";

/** All reasons of ends; first those that the client causes. */
export const END_REASONS: readonly SessionEndReason[] = [
  "idle",
  "logout",
  "absolute",
  "evicted",
  "revoked",
  "shutdown",
  "lost",
];

/** The reasons of ends by deadline. */
export type DueReason = "idle" | "absolute";

/**
 * Returns the seconds by which an end came after its deadline, in whole milliseconds.
 *
 * @param late Milliseconds; negative before the deadline.
 */
export function latenessOf(late: number): number {
  return Math.max(0, Math.round(late)) / 1000;
}

/** An item in the queue of deadlines. */
export interface Expiring {
  /** Acts if its time has come. */
  checkExpired(now: number): unknown;
}

/** The parts of the registry that warnings use; times are UNIX milliseconds. */
export interface WarningsOwner {
  /** The queue in which warnings wait. */
  readonly queue: {
    add(item: Expiring, deadline: number, now: number): number;
    move(entry: number, deadline: number, now: number): void;
    remove(entry: number): void;
  };
  readonly maxCallbacks: number;
}

/** The parts of a session that its warnings use. */
export interface WarnedSession {
  readonly uid: string;
  /** Ends it if that is due. */
  checkExpired(): boolean;
}

/** A warning, due once before each deadline of its session. */
interface Warning extends Expiring {
  /** Milliseconds before the deadline. */
  readonly lead: number;
  /** Its entry in the queue. */
  entry: number;
  /** The last deadlines that were warned of, in the order of their last use. */
  readonly warnedOf: number[];
}

/**
 * Milliseconds by which two readings of one deadline may differ, since a store has a
 * clock of its own.
 */
const SAME = 100;

/** The most deadlines that a warning remembers, so that it is given once for each. */
const MAX_WARNED = 16;

/**
 * Returns whether a deadline was warned of. A request that turns out to be no visit
 * moves the deadline, and moves it back. So a deadline that comes back is remembered
 * longer than the others.
 */
function wasWarned(warnedOf: number[], deadline: number): boolean {
  const index = warnedOf.findIndex((one) => Math.abs(deadline - one) < SAME);
  if (index === -1) return false;
  warnedOf.push(...warnedOf.splice(index, 1));
  return true;
}

/**
 * The warnings of one session.
 *
 * Each has an entry of its own in the queue of deadlines. A touch moves it by
 * writing a number, as it moves the session's own. After a warning, its entry never
 * comes until the deadline moves.
 */
export class SessionWarnings {
  readonly #session: WarnedSession;
  readonly #owner: WarningsOwner;
  readonly #warnings = new Set<Warning>();
  /** Infinity before the session is started. */
  #deadline = Infinity;

  constructor(session: WarnedSession, owner: WarningsOwner) {
    this.#session = session;
    this.#owner = owner;
  }

  /** The number of warnings. */
  get size(): number {
    return this.#warnings.size;
  }

  /**
   * Calls a function `lead` milliseconds before each deadline, or in the next
   * turn if the deadline is nearer.
   *
   * @param callback Called with the deadline, in UNIX milliseconds.
   * @returns a function that removes the warning.
   * @throws {RangeError} If the session has `maxCallbacks` warnings.
   */
  add(
    lead: number,
    callback: (deadline: number) => void,
    now: number,
  ): () => void {
    const session = this.#session;
    const { maxCallbacks, queue } = this.#owner;
    checkCallbackCount(
      "notify before the end",
      session,
      this.size,
      maxCallbacks,
    );
    const warning: Warning = {
      lead,
      entry: 0,
      warnedOf: [],
      checkExpired: (now) => {
        const deadline = this.#deadline;
        try {
          if (session.checkExpired()) return;
        } finally {
          // A session under check may live on; then it is warned again.
          if (this.#warnings.has(warning)) {
            queue.move(warning.entry, Infinity, now);
          }
        }
        const { warnedOf } = warning;
        if (warnedOf.push(deadline) > MAX_WARNED) warnedOf.shift();
        callback(deadline);
      },
    };
    warning.entry = queue.add(warning, this.#deadline - lead, now);
    this.#warnings.add(warning);
    return () => {
      if (this.#warnings.delete(warning)) queue.remove(warning.entry);
    };
  }

  /** Moves the warnings to a new deadline. */
  follow(deadline: number, now: number): void {
    this.#deadline = deadline;
    for (const { entry, lead, warnedOf } of this.#warnings) {
      const isWarned = wasWarned(warnedOf, deadline);
      this.#owner.queue.move(entry, isWarned ? Infinity : deadline - lead, now);
    }
  }

  /** Removes all warnings: the session has ended. */
  clear(): void {
    for (const { entry } of this.#warnings) this.#owner.queue.remove(entry);
    this.#warnings.clear();
  }
}

/**
 * Returns the milliseconds before the end for a number of seconds.
 *
 * @throws {TypeError} If the seconds are not a number.
 * @throws {RangeError} If they are not finite, or not above 0.
 */
export function leadOf(seconds: unknown): number {
  if (typeof seconds === "number" && seconds > 0 && seconds < Infinity) {
    return seconds * 1000;
  }
  throw refusalOf(
    seconds,
    `Cannot notify before the end: not a number of seconds above 0: ${
      describe(seconds)
    }`,
  );
}
