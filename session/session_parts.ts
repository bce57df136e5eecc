import type { SessionStreams } from "../live/session_streams.ts";
import { type IssuedToken, SessionAccess } from "./access.ts";
import type { Components } from "./components.ts";
import type { EndListeners } from "./end_listeners.ts";
import type { RequestHolds } from "./request_holds.ts";
import type { SessionValues, ValuedSession } from "./session_values.ts";
import type { SessionWarnings } from "./session_warnings.ts";
import { isSameSecret } from "./token.ts";

/** The parts that few sessions have; each is made when first needed. */
export interface SessionParts<Session extends ValuedSession<Session>, End> {
  access?: SessionAccess;
  holds?: RequestHolds;
  listeners?: EndListeners<End>;
  streams?: SessionStreams;
  warnings?: SessionWarnings;
  components?: Components<Session>;
  values?: SessionValues<Session>;
  /** Whether the session's own callbacks are being called. */
  isEnding?: boolean;
}

const FIRST_GENERATION = 0;

/**
 * Returns the access part; makes it from the session's only token at the first
 * call.
 */
export function openAccess(
  parts: { access?: SessionAccess },
  key: string,
): SessionAccess {
  return parts.access ??= new SessionAccess({
    principal: undefined,
    generation: FIRST_GENERATION,
    loginGeneration: FIRST_GENERATION,
    isRenewalDue: false,
    isRemembered: false,
    authenticatedAt: undefined,
    tokens: [firstToken(key)],
  });
}

/**
 * Finds a token of a session.
 *
 * @param access Its tokens; undefined while it has only one.
 * @param only The key of that token.
 * @param key The key to find.
 */
export function findToken(
  access: SessionAccess | undefined,
  only: string,
  key: string,
): IssuedToken | undefined {
  if (access !== undefined) return access.find(key);
  return isSameSecret(only, key) ? firstToken(only) : undefined;
}

function firstToken(key: string): IssuedToken {
  return { key, generation: FIRST_GENERATION, until: Infinity };
}

/** Returns whether any code in this process waits for the end of the session. */
export function areObserved<Session extends ValuedSession<Session>, End>(
  parts: SessionParts<Session, End>,
): boolean {
  return parts.listeners !== undefined || parts.components !== undefined ||
    (parts.holds?.size ?? 0) > 0 || (parts.streams?.size ?? 0) > 0 ||
    (parts.warnings?.size ?? 0) > 0;
}

/**
 * Aborts the signal, closes the streams, and calls the session's callbacks.
 *
 * @param abortReason Makes the reason of the aborted signal.
 * @param run Calls a callback of the session; must not throw.
 */
export function endParts<
  Session extends ValuedSession<Session>,
  End extends { readonly reason: string },
>(
  parts: SessionParts<Session, End>,
  end: End,
  abortReason: () => Error,
  run: (callback: (end: End) => unknown) => void,
): void {
  parts.isEnding = true;
  parts.warnings?.clear();
  parts.listeners?.abort(abortReason);
  parts.streams?.end(end.reason);
  parts.listeners?.call(run);
  parts.isEnding = false;
}
