import { ABOVE_ZERO, type OptionRules } from "../base/options.ts";
import type { SessionRegistry } from "./session_registry.ts";
import type { Session } from "../session.ts";
import { FIND_TOKEN, OPEN_ACCESS } from "../session/internals.ts";

/**
 * Prepares a login to the session of a token: ends the session of another
 * principal, and makes room for the session of this one.
 *
 * @param key The key of the token.
 * @returns whether the session may be used; if not, the login needs a new one.
 */
export function prepareLogin(
  registry: SessionRegistry,
  session: Session,
  key: string,
  principal: string,
  now: number,
): boolean {
  const token = session[FIND_TOKEN](key);
  const plan = session[OPEN_ACCESS]().planLogin(token, principal, now);
  if (plan === "switch") {
    registry.checkBegin();
    registry.makeRoomFor(principal);
    registry.end(session, "logout");
  }
  if (plan === "switch" || plan === "new") return false;
  if (session.principal !== principal) {
    registry.makeRoomFor(principal, session);
  }
  // A callback of an eviction may have ended the session.
  return session.isActive;
}

/** Sets the principal of a session that has just begun. */
export function logInNew(
  registry: SessionRegistry,
  session: Session,
  principal: string,
  isRemembered: boolean,
): void {
  const access = session[OPEN_ACCESS]();
  access.principal = principal;
  access.authenticatedAt = registry.clock.now();
  access.isRemembered = isRemembered;
  registry.backend.changed(session, {
    kind: "access",
    operation: { kind: "principal", principal },
  });
  registry.indexPrincipal(session, undefined);
  session.startCheckingExpiration();
}

/** The options of a login. */
export interface LogInOptions {
  /**
   * Seconds that the browser keeps the cookie, and the `sessionTimeout` of this
   * session; above 0.
   *
   * @default {undefined}
   */
  remember?: number;
}

/** The rules that the options of a login are checked by. */
export const LOG_IN_RULES: OptionRules<LogInOptions> = {
  remember: ABOVE_ZERO,
};
