/**
 * Resources that require a login, which the session remembers.
 *
 * @module
 */

import { proceed } from "../base/promises.ts";
import type { SiteRequest } from "../request.ts";
import { OPEN_VISIT } from "../request/internals.ts";
import { Guard } from "./guard.ts";

/**
 * A {@linkcode Guard} that remembers a login in the client's session: the password
 * is checked once, and later requests need only the cookie.
 *
 * The guards of different realms remember separate logins. An authenticated request
 * touches the session, unless it is a HEAD or a prefetch, or its resource is not
 * `touchesSession`. A request that gets a 401 neither makes nor touches a session.
 *
 * The login is one by `request.logIn(user)`: the user is the principal of the
 * session, and the response carries a new token. So a cookie that another person
 * knew or planted before gives no access.
 *
 * The login ends with the session; `request.logOut()` is the logout. A browser that
 * still has the password logs in again at its next request. A changed password is
 * checked at the next login. While a login is remembered, the guard ignores the
 * credentials of a request, even if they name another user.
 *
 * Responses to a remembered login get `Cache-Control: private`, unless the resource
 * sets that header, since caches do not recognize a login by cookie.
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
  /** Returns the user that the session remembers, or the user that logs in now. */
  override authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    const remembered = this.#recall(request);
    if (remembered !== undefined) return remembered;
    return proceed(
      super.authenticate(request),
      (user) => this.#remember(user, request),
    );
  }

  #recall(request: SiteRequest): string | undefined {
    const { session } = request;
    const user = session?.principal;
    if (user === undefined || session?.get(this.#key) !== user) {
      return undefined;
    }
    request[OPEN_VISIT]().visitLater();
    if (!request.responseHeaders.has("cache-control")) {
      request.setHeader("cache-control", "private");
    }
    return user;
  }

  #remember(
    user: string | undefined,
    request: SiteRequest,
  ): string | undefined {
    if (user !== undefined) request.logIn(user).set(this.#key, user);
    return user;
  }

  /** The key of the session's value that remembers the login. */
  get #key(): string {
    return `SessionGuard ${this.realm}`;
  }
}
