import { watchUpgrade } from "../live/upgrade_watch.ts";
import type { SiteRequest } from "../request.ts";
import { ENDS_WITH_SESSION, OPEN_VISIT } from "../request/internals.ts";
import { ACCESS_CHANGED, STREAMS } from "../session/internals.ts";
import type { Session } from "../session.ts";

/**
 * Sets whether streamed bodies and sockets of the response end with the session of
 * the request.
 */
export function setEndsWithSession(
  request: SiteRequest,
  endsWithSession: boolean,
): void {
  request[ENDS_WITH_SESSION] = endsWithSession;
  if (!endsWithSession || request.getHeader("upgrade") === undefined) return;
  // The token can be read before the upgrade only.
  sessionOf(request);
  watchUpgrade(request.request, (socket) => {
    const session = request[ENDS_WITH_SESSION] ? sessionOf(request) : undefined;
    session?.[STREAMS].tieSocket(socket, request);
    session?.[ACCESS_CHANGED]();
  });
}

/**
 * Returns the session that the request uses, also one that has ended since;
 * undefined for a session that lasts for the request only.
 */
export function sessionOf(request: SiteRequest): Session | undefined {
  const visit = request[OPEN_VISIT]();
  try {
    // Judges the token, if that has not been done.
    void visit.session;
  } catch {
    // The store is away, or was not asked since the resource uses no session.
    return undefined;
  }
  return visit.isTransient ? undefined : visit.ownSession;
}
