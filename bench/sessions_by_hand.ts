/**
 * Minimal sessions, as a program without a library may have them. They have no
 * timer: no callback is called at an end, and ended sessions stay in memory.
 *
 * @module
 */

/** A session. */
export interface SessionByHand {
  /** UNIX milliseconds. */
  deadline: number;
  count: number;
}

const TIMEOUT = 900_000;

const sessions = new Map<string, SessionByHand>();

/** Finds the session of a `Cookie` header, and touches it. */
export function findSession(header: string | null): SessionByHand | undefined {
  if (header === null) return undefined;
  const at = header.indexOf("session=");
  if (at === -1) return undefined;
  const begin = at + "session=".length;
  const end = header.indexOf(";", begin);
  const session = sessions.get(
    header.slice(begin, end === -1 ? header.length : end),
  );
  const now = Date.now();
  if (session === undefined || session.deadline <= now) return undefined;
  session.deadline = now + TIMEOUT;
  return session;
}

/** Makes a session, and the `Set-Cookie` header for it. */
export function makeSession(): string {
  const token = crypto.getRandomValues(new Uint8Array(32)).toHex();
  sessions.set(token, { deadline: Date.now() + TIMEOUT, count: 0 });
  return `session=${token}; HttpOnly; SameSite=Lax; Path=/`;
}
