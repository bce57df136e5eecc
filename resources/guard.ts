/**
 * Resources behind a user's name and password.
 *
 * @module
 */

import { basicChallenge, parseBasic } from "../internal/basic_credentials.ts";
import { describe } from "../internal/describe.ts";
import { isPromiseLike } from "../internal/promise_like.ts";
import { checkHost, type Rendered, type SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { errorPage } from "./pages.ts";
import type { PasswordCheck } from "./password_check.ts";

/** How a guard is to be. */
export interface GuardOptions {
  /**
   * What the visitor logs in to, in printable ASCII. Browsers show it, and send
   * what the visitor typed to all that is in the same realm of the host.
   */
  realm: string;
}

/**
 * Lets visitors through to a resource, and to all below it, who can say a
 * user's name and password; everybody else gets a 401.
 *
 * It takes no segment of the path: the resource stands in its place. The 401 is
 * the same at every depth and for every method, so that nobody learns what is
 * behind. Children that are put into the guard itself are never found.
 *
 * Who was let through is {@linkcode SiteRequest.user}. The password travels with
 * each request, readable unless over https.
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
  readonly #resource: Resource;
  readonly #check: PasswordCheck;
  readonly #refusal: Resource;

  /**
   * Puts a guard before a resource.
   *
   * @param resource What is behind the guard.
   * @param check Says whether a password is the user's. What it throws or
   * rejects with, and an answer that is neither true nor false, is a 500 and
   * reported, and nobody is let through; an {@linkcode HttpError} is answered as
   * such: a 429, for example, for who tries too often.
   * @param options The realm.
   * @throws {TypeError} If one of these is of a wrong kind.
   * @throws {SyntaxError} If the realm is not printable ASCII.
   */
  constructor(
    resource: Resource,
    check: PasswordCheck,
    options: GuardOptions,
  ) {
    super();
    if (!(resource instanceof Resource)) {
      throw new TypeError(
        `Cannot guard ${describe(resource)}: it is not a Resource`,
      );
    }
    if (typeof check !== "function") {
      throw new TypeError(
        `Cannot guard ${describe(resource)}: the check is not a function: ${
          describe(check)
        }`,
      );
    }
    this.#resource = resource;
    this.#check = check;
    this.#refusal = new Unauthorized(basicChallenge(options.realm));
  }

  /**
   * Who the visitor is, by what the request carries; override it to go by
   * something else.
   *
   * @returns the user's name, or a promise of it; undefined is a 401.
   */
  authenticate(
    request: SiteRequest,
  ): string | undefined | Promise<string | undefined> {
    const header = request.getHeader("authorization");
    const credentials = header === undefined ? undefined : parseBasic(header);
    if (credentials === undefined) return undefined;
    const { user, password } = credentials;
    const verdict: unknown = this.#check(user, password);
    return isPromiseLike(verdict)
      ? Promise.resolve(verdict).then((verdict) => userIf(verdict, user))
      : userIf(verdict, user);
  }

  /** What the visitor may see, to which the walk goes on with the segment. */
  override getChildWithDefault(
    _name: string,
    request: SiteRequest,
  ): Resource | Promise<Resource> {
    request.postpath.unshift(request.prepath.pop()!);
    return this.#admit(request);
  }

  /** Answers by what the visitor may see, where the path ends here. */
  override render(request: SiteRequest): Rendered | Promise<Rendered> {
    const admitted = this.#admit(request);
    return isPromiseLike(admitted)
      ? admitted.then((resource) => resource.render(request))
      : admitted.render(request);
  }

  #admit(request: SiteRequest): Resource | Promise<Resource> {
    // Such a host moves the path: what is guarded is not what it seems to be.
    checkHost(request.getHeader("host"));
    const user = this.authenticate(request);
    return isPromiseLike(user)
      ? Promise.resolve(user).then((user) => this.#open(user, request))
      : this.#open(user, request);
  }

  #open(user: string | undefined, request: SiteRequest): Resource {
    // Whatever else an override answers in place of undefined opens nothing.
    if (typeof user !== "string") return this.#refusal;
    request.user = user;
    return this.#resource;
  }
}

/** The answer to who is not let through. */
class Unauthorized extends Resource {
  override isLeaf = true;
  readonly #challenge: string;
  readonly #page: Resource = errorPage(
    401,
    "Unauthorized",
    "You need to log in to see what is at this address.",
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

/** The user, if that is the verdict; a forgotten `return` is not taken for one. */
function userIf(verdict: unknown, user: string): string | undefined {
  if (typeof verdict === "boolean") return verdict ? user : undefined;
  throw new TypeError(
    `Cannot tell whether to let "${user}" through: the check answered neither true nor false: ${
      describe(verdict)
    }`,
  );
}
