/**
 * A guard that sends visitors to a login page.
 *
 * @module
 */

import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import {
  ABOVE_ZERO,
  BOOLEAN,
  checkOptions,
  FUNCTION,
  type OptionRules,
  stringThat,
} from "../base/options.ts";
import { localPath } from "../http/redirect.ts";
import { segmentsOf } from "../http/path.ts";
import { ORIGINS, refuseForeignChange } from "../http/same_origin.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { OPEN_VISIT } from "../request/internals.ts";
import { Resource } from "../resource.ts";
import { loadLaterCode } from "./load_later.ts";
import { forbidden } from "./pages.ts";
import {
  checkResource,
  giveBackSegment,
  renderBehind,
  setEndsWithSession,
} from "./pass_on.ts";

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

/** The parameter of the login page's URL that holds the path to go back to. */
const NEXT = "next";

/** The longest path that is remembered, since headers have a limit. */
const MAX_NEXT = 2000;

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
  readonly #endsWithSession: boolean;
  readonly #resource: Resource;
  readonly #redirects: boolean;
  readonly #maxAge: number;
  readonly #allow: LoginGuardOptions["allow"];
  readonly #origins: readonly string[];
  readonly #loginPath: string;
  /** The decoded segments of the login page. */
  readonly #loginSegments: readonly string[];
  readonly #forbidden: Resource = forbidden();
  readonly #unauthorized: Resource;

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
    this.#endsWithSession = options.endsWithSession ?? true;
    this.#resource = resource;
    this.#redirects = options.redirects ?? true;
    this.#maxAge = maxAge;
    this.#allow = allow;
    this.#origins = [...options.origins ?? []];
    this.#loginPath = path;
    this.#loginSegments = segmentsOf(path.split("?", 1)[0]!.slice(1));
    this.#unauthorized = new Refusal(path);
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
    return localPath(request.query.get(NEXT) ?? "") ?? fallback;
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
    return proceed(
      this.#admit(request),
      (resource) => renderBehind(resource, request),
    );
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    refuseForeignChange(request, this.#origins);
    const { principal } = request;
    if (principal === undefined || this.#isTooOld(request)) {
      return this.#refuse(request);
    }
    request.user = principal;
    setEndsWithSession(request, this.#endsWithSession);
    request[OPEN_VISIT]().visitLater();
    if (this.#allow === undefined) return this.#resource;
    const verdict: unknown = this.#allow(principal, request);
    return proceed(verdict, (verdict) => {
      // Meanwhile another request may have logged in or out.
      if (request.principal !== principal) return this.#refuse(request);
      if (isAllowed(verdict, principal) || this.#isLoginPage(request)) {
        return this.#resource;
      }
      return this.#forbidden;
    });
  }

  #isTooOld({ session }: SiteRequest): boolean {
    if (this.#maxAge === Infinity || session === undefined) return false;
    const { authenticatedAt = -Infinity } = session;
    return session.site.clock.now() / 1000 - authenticatedAt > this.#maxAge;
  }

  #refuse(request: SiteRequest): Resource {
    request.user = undefined;
    if (this.#isLoginPage(request)) return this.#resource;
    return this.#redirects
      ? new Refusal(this.#loginPath, this.#locationFor(request))
      : this.#unauthorized;
  }

  #isLoginPage({ prepath, postpath }: SiteRequest): boolean {
    const segments = this.#loginSegments;
    return prepath.length + postpath.length === segments.length &&
      [...prepath, ...postpath].every((segment, at) =>
        segment === segments[at]
      );
  }

  #locationFor(request: SiteRequest): string {
    const { pathname, search } = request.url;
    const path = localPath(pathname + search);
    const isKept = request.method !== "POST" && path !== undefined &&
      path.length <= MAX_NEXT;
    if (!isKept) return this.#loginPath;
    const separator = this.#loginPath.includes("?") ? "&" : "?";
    return `${this.#loginPath}${separator}${NEXT}=${encodeURIComponent(path)}`;
  }
}

/** Answers a visitor who has not logged in. */
class Refusal extends Resource {
  override usesSession = false;
  override isLeaf = true;
  readonly #loginPath: string;
  readonly #location: string | undefined;

  constructor(loginPath: string, location?: string) {
    super();
    this.#loginPath = loginPath;
    this.#location = location;
  }

  override async render(request: SiteRequest): Promise<Response> {
    const { refuse } = await loadLaterCode();
    return refuse(request, this.#loginPath, this.#location);
  }
}

/** Returns the verdict of `allow`; throws a TypeError if it is not a boolean. */
function isAllowed(verdict: unknown, principal: string): boolean {
  if (typeof verdict === "boolean") return verdict;
  throw new TypeError(
    `Cannot admit ${
      describe(principal)
    }: allow returned neither true nor false: ${describe(verdict)}`,
  );
}
