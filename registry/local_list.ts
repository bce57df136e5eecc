import type { Session } from "../session.ts";
import type { SessionDescriptions } from "./session_factory.ts";
import type { ListSessionsOptions, SessionInfo } from "./session_backend.ts";

/** Lists sessions of this process, the oldest first. */
export function listSessions(
  sessions: readonly Session[],
  descriptions: SessionDescriptions,
  { values = false }: ListSessionsOptions = {},
): SessionInfo[] {
  return sessions
    .map((session) => ({
      uid: session.uid,
      createdAt: session.createdAt,
      authenticatedAt: session.authenticatedAt,
      lastModified: session.lastModified,
      expiresAt: session.expiresAt,
      description: descriptions.of(session),
      ...values ? { values: valuesOf(session) } : {},
    }))
    .sort((one, other) => one.createdAt - other.createdAt);
}

function valuesOf(session: Session): ReadonlyMap<string, unknown> {
  return new Map(
    [...session.keys()].map((key) => [key, session.get(key)] as const),
  );
}
