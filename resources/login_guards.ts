/**
 * Guards that remember a login in the session.
 *
 * @module
 */

import {
  ABOVE_ZERO,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  type OptionRules,
  ORIGINS,
  stringThat,
} from "../base/options.ts";
import { proceed } from "../base/promises.ts";
import { segmentsOf } from "../http/path.ts";
import { localPath } from "../http/headers.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { LoginTerms } from "./admission.ts";
import { Guard } from "./guard.ts";
import {
  checkResource,
  giveBackSegment,
  loadLaterCode,
  renderBehind,
} from "./wrap.ts";
import { forbidden } from "./pages.ts";

/** The options of a {@linkcode LoginGuard}; each may be left out. */
export interface LoginGuardOptions {
  /**
   * The path of the login page, from the root of the host. A query may follow.
   * The guard lets this path through, so the page may be behind it.
   *
   * @default {"/login"}
   */
  loginPath?: string;
  /**
   * Whether visitors without a login are sent to the login page. False is for an
   * API: each of them gets a 401.
   *
   * @default {true}
   */
  redirects?: boolean;
  /**
   * Seconds since the login after which the visitor has to log in again, above 0:
   * for pages that need a recent login. A principal that was assigned, without a
   * login, has to log in too.
   *
   * @default {Infinity}
   */
  maxAge?: number;
  /**
   * Returns whether a principal may use the guarded resources; if not, the request
   * gets a 403. If it throws, rejects, or returns neither true nor false, the
   * request gets a 500, and the error is reported.
   *
   * @default {() => true}
   */
  allow?(principal: string, request: SiteRequest): boolean | Promise<boolean>;
  /**
   * Other origins whose pages may send requests of any method, as in the options
   * of a `Guard`.
   *
   * @default {[]}
   */
  origins?: readonly string[];
  /**
   * Whether streamed bodies and WebSockets of the guarded resources end with the
   * session of their request, as in the options of a `Guard`.
   *
   * @default {true}
   */
  endsWithSession?: boolean;
}

const RULES: OptionRules<LoginGuardOptions> = {
  loginPath: stringThat(
    "a path of this host",
    (path) => !path.includes("#") && localPath(path) !== undefined,
  ),
  redirects: BOOLEAN,
  maxAge: ABOVE_ZERO,
  allow: FUNCTION,
  origins: ORIGINS,
  endsWithSession: BOOLEAN,
};

/**
 * Protects a resource, and all below it, by a login: members pass, and others are
 * sent to the login page, and back after the login.
 *
 * A member is a visitor whose session has a {@linkcode SiteRequest.principal}; the
 * login page calls `request.logIn()`. A member's request touches the session,
 * unless it is a HEAD or a prefetch, or its resource is not `touchesSession`, and
 * sets {@linkcode SiteRequest.user}.
 *
 * Other visitors get a 303 to the login page. A GET has its own path in the
 * parameter `next`; {@linkcode LoginGuard.returnPath} reads it. Requests that are
 * not for a page, such as those of scripts, images, streams and sockets, get a 401
 * with a JSON body (RFC 9457), and so do clients that prefer JSON, clients that
 * carry their token in headers, and methods other than GET, HEAD and POST. Neither
 * makes or touches a session.
 *
 * As {@linkcode SameOrigin}, it refuses requests of other origins whose method is
 * not GET, HEAD or OPTIONS.
 *
 * The guard takes no segment of the path: the resource has the guard's own path.
 * Children that are put into the guard itself are never found. Twisted has no such
 * guard.
 *
 * @example Usage
 * ```ts
 * import { LoginGuard, notFound, Resource, Site, type SiteRequest } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * class Login extends Resource {
 *   override render_POST(request: SiteRequest): Response {
 *     // Once the password has been checked:
 *     request.logIn("alice");
 *     return request.redirect(LoginGuard.returnPath(request), 303);
 *   }
 * }
 *
 * const root = new Resource()
 *   .putChild("login", new Login())
 *   .putChild("members", new LoginGuard(notFound()));
 * await using site = new Site(root);
 *
 * const stranger = await site.fetch(new Request("http://localhost/members?a=1"));
 * const location = stranger.headers.get("location")!;
 * assertEquals(location, "/login?next=%2Fmembers%3Fa%3D1");
 *
 * const login = await site.fetch(
 *   new Request(`http://localhost${location}`, { method: "POST" }),
 * );
 * assertEquals(login.headers.get("location"), "/members?a=1");
 * ```
 */
export class LoginGuard extends Resource {
  readonly #terms: LoginTerms;

  /**
   * Puts a guard before a resource.
   *
   * @throws {TypeError} If an argument or an option is of the wrong kind, or an
   * option is unknown.
   * @throws {RangeError} If `maxAge` is not above 0, `loginPath` is not a path of
   * this host, or one of `origins` is not an origin.
   */
  constructor(resource: Resource, options: LoginGuardOptions = {}) {
    super();
    checkResource("guard", resource);
    checkOptions("make a login guard", options, RULES);
    const { loginPath = "/login", maxAge = Infinity, allow } = options;
    // The path as browsers send it.
    const path = localPath(loginPath)!;
    this.#terms = {
      resource,
      loginPath: path,
      loginSegments: segmentsOf(path.split("?", 1)[0]!.slice(1)),
      redirects: options.redirects ?? true,
      maxAge,
      allow,
      forbidden: forbidden(),
      origins: [...options.origins ?? []],
      endsWithSession: options.endsWithSession ?? true,
    };
  }

  /**
   * Returns the path that a visitor was sent to the login page from, with its
   * query; the login page redirects there after the login.
   *
   * It reads the parameter `next` of the request's URL. A form without an `action`
   * posts to the same URL, and so keeps it. A value that leads to another host is
   * ignored.
   *
   * @param request A request for the login page.
   * @param fallback The path if there is none.
   */
  static returnPath(request: SiteRequest, fallback: string = "/"): string {
    return localPath(request.query.get("next") ?? "") ?? fallback;
  }

  /** Returns the guarded resource, or a refusal, from which the walk continues. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | Promise<Resource> {
    giveBackSegment(request);
    return this.#admit(request);
  }

  /** Renders the guarded resource or a refusal, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return renderBehind(this.#admit(request), request);
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    return proceed(
      loadLaterCode(),
      ({ admitMember }) => admitMember(request, this.#terms),
    );
  }
}

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
    return proceed(
      loadLaterCode(),
      ({ recallUser }) =>
        recallUser(request, this.#key) ??
          proceed(super.authenticate(request), (user) => {
            if (user !== undefined) request.logIn(user).set(this.#key, user);
            return user;
          }),
    );
  }

  /** The key of the session's value that remembers the login. */
  get #key(): string {
    return `SessionGuard ${this.realm}`;
  }
}
