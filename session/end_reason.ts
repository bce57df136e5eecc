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
