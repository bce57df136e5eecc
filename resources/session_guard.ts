/**
 * Resources behind a login that lasts as long as the session.
 *
 * @module
 */

import { parseBasic } from "../internal/basic_credentials.ts";
import { isPromiseLike } from "../internal/promise_like.ts";
import { renewForLogin, type SiteRequest, visitSession } from "../request.ts";
import { Guard } from "./guard.ts";

/** Who has logged in during a session, at each guard. */
class Logins {
  readonly users = new WeakMap<SessionGuard, string>();
}

/**
 * A {@linkcode Guard} that remembers a login in the visitor's session: the
 * password is checked once, and need not come again.
 *
 * Each guard remembers its own. A visit that it lets through is access, unless it
 * is a HEAD or a prefetch, so the session slides. Whoever is not let through gets no session and touches none.
 *
 * At the login the session gets a new secret, as by `request.renewSession()`:
 * whoever knew the visitor's cookie before, and may have planted it, is out. A
 * login by a cookie that has been replaced begins a new session.
 *
 * The login is forgotten when the session ends: `session.expire()` is the
 * logout. A browser that still has the password logs in again by itself at the
 * next visit, and a password that was changed meanwhile counts from the next
 * login on. While a login is remembered, what a request carries is not looked
 * at, even if it names another user; by a cookie that has been replaced it is.
 *
 * What is sent to a remembered visitor is `Cache-Control: private` unless the
 * resource says otherwise, since caches cannot see a login that is a cookie.
 *
 * Twisted has no such guard.
 *
 * @example Usage
 * ```ts
 * import { notFound, passwordCheck, SessionGuard, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const check = passwordCheck({ alice: "open sesame" });
 * await using site = new Site(
 *   new SessionGuard(notFound(), check, { realm: "Treasure" }),
 * );
 * const authorization = `Basic ${btoa("alice:open sesame")}`;
 * const login = await site.fetch(
 *   new Request("http://localhost/cave", { headers: { authorization } }),
 * );
 * const [cookie = ""] = login.headers.getSetCookie()[0]!.split(";");
 * const visit = await site.fetch(
 *   new Request("http://localhost/cave", { headers: { cookie } }),
 * );
 * assertEquals(visit.status, 404);
 * ```
 */
export class SessionGuard extends Guard {
  /** Who the session remembers, or else who logs in. */
  override authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    const remembered = this.#recall(request);
    if (remembered !== undefined) return remembered;
    const user = super.authenticate(request);
    return isPromiseLike(user)
      ? Promise.resolve(user).then((user) => this.#remember(user, request))
      : this.#remember(user, request);
  }

  #recall(request: SiteRequest): string | undefined {
    const { session } = request;
    const user = session?.getComponent(Logins).users.get(this);
    if (session === undefined || user === undefined) return undefined;
    // Another visitor may have the session: a login of this one begins another.
    if (request.hasOldToken(session) && namesAnother(request, user)) {
      return undefined;
    }
    // The deadline may have passed since it was looked up.
    if (visitSession(request) === undefined) return undefined;
    if (!request.responseHeaders.has("cache-control")) {
      request.setHeader("cache-control", "private");
    }
    return user;
  }

  #remember(
    user: string | undefined,
    request: SiteRequest,
  ): string | undefined {
    if (user !== undefined) {
      renewForLogin(request).getComponent(Logins).users.set(this, user);
    }
    return user;
  }
}

/** Whether a request carries the credentials of another user. */
function namesAnother(request: SiteRequest, user: string): boolean {
  const header = request.getHeader("authorization");
  const credentials = header === undefined ? undefined : parseBasic(header);
  return credentials !== undefined && credentials.user !== user;
}
