/**
 * Resources that require a user's name and password.
 *
 * @module
 */

import {
  basicChallenge,
  parseBasic,
  type PasswordCheck,
} from "./basic_auth.ts";
import { describe } from "../base/describe.ts";
import { proceed } from "../base/promises.ts";
import {
  BOOLEAN,
  checkOptions,
  type OptionRules,
  required,
  STRING,
} from "../base/options.ts";
import { checkHost } from "../http/connection.ts";
import { ORIGINS, refuseForeignChange } from "../http/same_origin.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { errorPage } from "./pages.ts";
import {
  checkResource,
  giveBackSegment,
  renderBehind,
  setEndsWithSession,
} from "./pass_on.ts";

/** The options of a {@linkcode Guard}. */
export interface GuardOptions {
  /**
   * The name of the protected area, in printable ASCII. Browsers show it, and
   * send the password to all resources of the same realm and host.
   */
  realm: string;
  /**
   * Other origins whose pages may send requests of any method, each as browsers
   * write it in `Origin`: `"https://app.example"`, for example.
   *
   * @default {[]}
   */
  origins?: readonly string[];
  /**
   * Whether streamed bodies and WebSockets of the guarded resources end with the
   * session of their request: at its end, after a login elsewhere, and at a stop.
   * That concerns bodies of unknown length other than JSON. The events and sockets
   * of sessions end with them in any case.
   *
   * @default {true}
   */
  endsWithSession?: boolean;
}

const RULES: OptionRules<GuardOptions> = {
  realm: required(STRING),
  origins: ORIGINS,
  endsWithSession: BOOLEAN,
};

/**
 * Protects a resource, and all below it, by a user's name and password. A request
 * without them gets a 401.
 *
 * The guard takes no segment of the path: the resource has the guard's own path.
 * The 401 is the same for every path and method, so that it reveals nothing about
 * the protected resources. Children that are put into the guard itself are never
 * found.
 *
 * {@linkcode SiteRequest.user} is the user's name. Each request carries the
 * password, which others can read unless the connection is https.
 *
 * Browsers send the password with forms of other sites too. So a request of a page
 * of another origin gets a 403, and no check, if its method is not GET, HEAD or
 * OPTIONS; see {@linkcode SameOrigin}.
 *
 * From Twisted's `twisted.web.guard.HTTPAuthSessionWrapper`, with Basic
 * authentication (RFC 7617) only, and a check in place of a portal.
 *
 * @example Usage
 * ```ts
 * import { Guard, notFound, passwordCheck, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * const check = passwordCheck({ alice: "open sesame" });
 * await using site = new Site(
 *   new Guard(notFound(), check, { realm: "Treasure" }),
 * );
 * const stranger = await site.fetch(new Request("http://localhost/cave"));
 * assertEquals(stranger.status, 401);
 *
 * const authorization = `Basic ${btoa("alice:open sesame")}`;
 * const alice = await site.fetch(
 *   new Request("http://localhost/cave", { headers: { authorization } }),
 * );
 * assertEquals(alice.status, 404);
 * ```
 */
export class Guard extends Resource {
  /** The name of the protected area; see {@linkcode GuardOptions.realm}. */
  readonly realm: string;
  readonly #endsWithSession: boolean;
  readonly #resource: Resource;
  readonly #check: PasswordCheck;
  readonly #refusal: Resource;
  readonly #origins: readonly string[];

  /**
   * Puts a guard before a resource.
   *
   * @param resource The resource to protect.
   * @param check Returns whether a password is the user's. If it throws, rejects
   * or returns neither true nor false, access is denied, and the error is reported
   * as a 500. An {@linkcode HttpError} that it throws is the response: a 429 after
   * too many attempts, for example.
   * @throws {TypeError} If an argument or an option is of the wrong kind, or an
   * option is unknown.
   * @throws {RangeError} If one of `origins` is not an origin.
   * @throws {SyntaxError} If the realm is not printable ASCII.
   */
  constructor(
    resource: Resource,
    check: PasswordCheck,
    options: GuardOptions,
  ) {
    super();
    // A subclass may authenticate by the session.
    this.usesSession = new.target !== Guard;
    checkResource("guard", resource);
    if (typeof check !== "function") {
      throw new TypeError(
        `Cannot guard ${describe(resource)}: the check is not a function: ${
          describe(check)
        }`,
      );
    }
    checkOptions("make a guard", options, RULES);
    this.#endsWithSession = options.endsWithSession ?? true;
    this.#resource = resource;
    this.#check = check;
    this.#origins = [...options.origins ?? []];
    this.realm = options.realm;
    this.#refusal = new Unauthorized(basicChallenge(options.realm));
  }

  /**
   * Returns the user's name if the request has the user's password. Override it
   * to authenticate requests in another way.
   *
   * @returns the user's name, or a promise of it; undefined leads to a 401.
   */
  authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    const header = request.getHeader("authorization");
    const credentials = header === undefined ? undefined : parseBasic(header);
    if (credentials === undefined) return undefined;
    const { user, password } = credentials;
    const isValid: unknown = this.#check(user, password);
    return proceed(isValid, (isValid) => userIf(isValid, user));
  }

  /** Returns the protected resource or the 401, from which the walk continues. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | Promise<Resource> {
    giveBackSegment(request);
    return this.#admit(request);
  }

  /** Renders the protected resource or the 401, if the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    return proceed(
      this.#admit(request),
      (resource) => renderBehind(resource, request),
    );
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    // A host that changes the path of the URL could bypass the guard.
    checkHost(request.getHeader("host"));
    refuseForeignChange(request, this.#origins);
    return proceed(
      this.authenticate(request),
      (user) => this.#open(user, request),
    );
  }

  #open(user: string | undefined, request: SiteRequest): Resource {
    // An override may return another value for "no user", such as null.
    if (typeof user !== "string") return this.#refusal;
    request.user = user;
    setEndsWithSession(request, this.#endsWithSession);
    return this.#resource;
  }
}

/** The page for a request that is not authenticated. */
class Unauthorized extends Resource {
  override usesSession = false;
  override isLeaf = true;
  readonly #challenge: string;
  readonly #page: Resource = errorPage(
    401,
    "Unauthorized",
    "You need to log in to see this page.",
  );

  constructor(challenge: string) {
    super();
    this.#challenge = challenge;
  }

  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    request.setHeader("www-authenticate", this.#challenge);
    request.setHeader("cache-control", "no-store");
    return this.#page.render(request);
  }
}

/**
 * Returns the user if the check returned true.
 *
 * @throws {TypeError} If it returned no boolean, as it does without a `return`.
 */
function userIf(isValid: unknown, user: string): string | undefined {
  if (typeof isValid === "boolean") return isValid ? user : undefined;
  throw new TypeError(
    `Cannot authenticate "${user}": the check returned neither true nor false: ${
      describe(isValid)
    }`,
  );
}
