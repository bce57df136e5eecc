import type { Clock } from "../base/clock.ts";
import { HOLDS } from "../session/internals.ts";
import type { SessionHolder } from "../session/request_holds.ts";
import type { Session } from "../session.ts";

/**
 * Stops a request from holding a session; touches a session that would have
 * idled out meanwhile. Errors of the session are reported.
 *
 * @param isVisit Whether the request may touch the session.
 */
export function releaseHold(
  holder: SessionHolder,
  session: Session,
  clock: Clock,
  isVisit: boolean,
): void {
  const holds = session[HOLDS];
  if (!holds.has(holder)) return;
  try {
    // If the timer is late, the session is still held now.
    session.checkExpired();
    holds.remove(holder);
    if (!isVisit || !session.isActive) return;
    const idleAt = (session.lastModified + session.sessionTimeout) * 1000;
    // Deno prints a warning when `hasLeft` reads the signal: it is read last.
    if (clock.now() >= idleAt && !holder.hasLeft) session.touch();
  } catch (error) {
    holds.remove(holder);
    session.site.reportError(error, { session });
  }
}
