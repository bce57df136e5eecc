import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";

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
  const message = `Cannot use ${name} of ${owner.constructor.name}: ${
    describe(seconds)
  } is not a number of seconds, 0 or more`;
  throw typeof seconds === "number"
    ? new RangeError(message)
    : new TypeError(message);
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
 * Returns the seconds by which an end came after its deadline, in whole
 * milliseconds; undefined for an end that no deadline caused.
 *
 * @param late Milliseconds; negative before the deadline.
 */
export function latenessOf(
  reason: SessionEndReason,
  late: number,
): number | undefined {
  if (reason !== "idle" && reason !== "absolute") return undefined;
  return Math.max(0, Math.round(late)) / 1000;
}

/** An item in the queue of deadlines. */
export interface Expiring {
  /** Acts if its time has come. */
  checkExpired(now: number): unknown;
}

/** The queue in which warnings wait; times are UNIX milliseconds. */
export interface WarningDeadlines {
  add(item: Expiring, deadline: number, now: number): number;
  move(entry: number, deadline: number, now: number): void;
  remove(entry: number): void;
}

/** The parts of a session that its warnings use. */
export interface WarnedSession {
  readonly site: { readonly clock: Clock };
  /** Ends it if that is due. */
  checkExpired(): boolean;
}

/** A warning, due once before each deadline of its session. */
interface Warning extends Expiring {
  /** Milliseconds before the deadline. */
  readonly lead: number;
  /** Its entry in the queue; 0 while the session has no deadline. */
  entry: number;
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
  readonly #queue: WarningDeadlines;
  readonly #warnings = new Set<Warning>();
  /** Undefined before the session is started. */
  #deadline: number | undefined = undefined;

  constructor(session: WarnedSession, queue: WarningDeadlines) {
    this.#session = session;
    this.#queue = queue;
  }

  /** The number of warnings. */
  get size(): number {
    return this.#warnings.size;
  }

  /**
   * Calls a function `lead` milliseconds before each deadline, or in the next
   * turn if the deadline is nearer.
   *
   * @returns a function that removes the warning.
   */
  add(lead: number, callback: () => void, now: number): () => void {
    const session = this.#session;
    const queue = this.#queue;
    const { clock } = session.site;
    const warning: Warning = {
      lead,
      entry: 0,
      checkExpired() {
        let isOver = true;
        try {
          isOver = session.checkExpired();
        } finally {
          // A session under check may live on; then it is warned again.
          if (warning.entry !== 0) {
            queue.move(warning.entry, Infinity, clock.now());
          }
        }
        if (!isOver) callback();
      },
    };
    this.#warnings.add(warning);
    if (this.#deadline !== undefined) this.#place(warning, this.#deadline, now);
    return () => {
      if (this.#warnings.delete(warning)) this.#remove(warning);
    };
  }

  /** Moves the warnings to a new deadline. */
  follow(deadline: number, now: number): void {
    if (deadline === this.#deadline) return;
    this.#deadline = deadline;
    for (const warning of this.#warnings) this.#place(warning, deadline, now);
  }

  /** Removes all warnings: the session has ended. */
  clear(): void {
    for (const warning of this.#warnings) this.#remove(warning);
    this.#warnings.clear();
  }

  #place(warning: Warning, deadline: number, now: number): void {
    const queue = this.#queue;
    const due = deadline - warning.lead;
    if (warning.entry === 0) warning.entry = queue.add(warning, due, now);
    else queue.move(warning.entry, due, now);
  }

  #remove(warning: Warning): void {
    if (warning.entry !== 0) this.#queue.remove(warning.entry);
    warning.entry = 0;
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
  const message =
    `Cannot notify before the end: not a number of seconds above 0: ${
      describe(seconds)
    }`;
  throw typeof seconds === "number"
    ? new RangeError(message)
    : new TypeError(message);
}
