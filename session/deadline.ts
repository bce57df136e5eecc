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
