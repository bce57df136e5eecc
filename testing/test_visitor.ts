import type { Clock } from "../base/clock.ts";
import { checkOptions, oneOf, type OptionRules } from "../base/options.ts";
import { OWNER } from "../session/internals.ts";
import type { Session } from "../session.ts";
import type { Site } from "../site.ts";
import { CookieJar } from "./cookie_jar.ts";
import { toRequest, toURL } from "./request_input.ts";

/** The number of digits of a uid. A token begins with them. */
const UID_LENGTH = 32;

/** The options of a {@linkcode TestVisitor}. */
export interface TestVisitorOptions {
  /**
   * How the visitor carries its token: in cookies, as a browser, or in the headers
   * `Authorization` and `Session-Token`, as an application without cookies. The
   * site needs the option `transport` for the second.
   *
   * @default {"cookie"}
   */
  transport?: "cookie" | "bearer";
}

/** A site that visitors visit, as a `TestSite` is. */
export interface VisitedSite {
  /** The site. */
  readonly site: Site;
  /** Its clock, by which cookies expire. */
  readonly clock: Clock;
}

const VISITOR_RULES: OptionRules<TestVisitorOptions> = {
  transport: oneOf("cookie", "bearer"),
};

/**
 * A visitor of a site under test, with cookies as a browser would keep them.
 *
 * `visitor()` of a `TestSite` makes one.
 */
export class TestVisitor {
  readonly #testSite: VisitedSite;
  readonly #isBearer: boolean;
  /** The token of a visitor without cookies. */
  #token: string | undefined = undefined;
  readonly #jar = new CookieJar();
  /** The URL of the last visit. */
  #url = toURL("/");

  /**
   * Makes a visitor without cookies.
   *
   * @param testSite The site to visit.
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If the transport is neither of the two.
   */
  constructor(testSite: VisitedSite, options: TestVisitorOptions = {}) {
    checkOptions("make a visitor", options, VISITOR_RULES);
    this.#testSite = testSite;
    this.#isBearer = options.transport === "bearer";
  }

  /**
   * Visits the site: sends the cookies that a browser would send, and keeps
   * those that it would keep.
   *
   * It obeys host, `Path`, `Domain`, `Secure`, `Max-Age`, `Expires` and the
   * prefixes `__Secure-` and `__Host-`, by the time of the site's clock. All
   * requests count as same-site, so `SameSite` has no effect. Redirects are
   * returned, not followed.
   *
   * @param input A path of `http://localhost`, a whole URL, or a request. A
   * `Cookie` header of the request replaces the visitor's cookies.
   * @param init As for the constructor of `Request`.
   * @returns the site's response; its body may still arrive.
   * @throws {TypeError} If the request is not valid.
   */
  async fetch(
    input: string | URL | Request,
    init?: RequestInit,
  ): Promise<Response> {
    const request = toRequest(input, init);
    const url = this.#url = new URL(request.url);
    const { clock, site } = this.#testSite;
    if (this.#isBearer) return await this.#fetchByBearer(request);
    const cookie = this.#jar.headerFor(url, clock.now());
    if (cookie !== undefined && !request.headers.has("cookie")) {
      request.headers.set("cookie", cookie);
    }
    const response = await site.fetch(request);
    this.#jar.keep(response.headers.getSetCookie(), url, clock.now());
    return response;
  }

  /**
   * Returns the `Cookie` header that a request would carry.
   *
   * @param input A path of `http://localhost`, or a whole URL.
   * @returns undefined if there is no cookie for it.
   */
  cookiesFor(input: string | URL): string | undefined {
    return this.#jar.headerFor(toURL(input), this.#testSite.clock.now());
  }

  /**
   * The live session that the visitor's cookie names, at the URL of the last
   * visit. It is undefined if there is none, or if the site has not loaded it from
   * its store. Reading it does not touch the session.
   */
  get session(): Session | undefined {
    const { site } = this.#testSite;
    if (this.#isBearer) {
      return site.getSession(this.#token?.slice(0, UID_LENGTH) ?? "");
    }
    const header = this.cookiesFor(this.#url) ?? "";
    const isSecure = this.#url.protocol === "https:";
    const token = site.sessions[OWNER].cookie.tokensIn(header, isSecure)[0];
    return site.getSession(token?.slice(0, UID_LENGTH) ?? "");
  }

  async #fetchByBearer(request: Request): Promise<Response> {
    request.headers.set("session-transport", "bearer");
    if (this.#token !== undefined && !request.headers.has("authorization")) {
      request.headers.set("authorization", `Bearer ${this.#token}`);
    }
    const response = await this.#testSite.site.fetch(request);
    this.#token = response.headers.get("session-token") ?? this.#token;
    return response;
  }
}
