/**
 * Sites under test: visitors with cookies, and time that passes when told to.
 *
 * It needs no test runner and no permission, and replaces no globals: what goes
 * by the site's clock is moved, `Date` and `setTimeout` stay real.
 *
 * @example Usage
 * ```ts
 * import { Resource, type SiteRequest } from "@curfew/web";
 * import { TestSite } from "@curfew/web/testing";
 * import { assertEquals } from "@std/assert";
 *
 * class Seat extends Resource {
 *   override isLeaf = true;
 *   isTaken = false;
 *   override render_GET(request: SiteRequest): string {
 *     this.isTaken = true;
 *     request.getSession().notifyOnExpire(() => this.isTaken = false);
 *     return "Yours";
 *   }
 * }
 *
 * const seat = new Seat();
 * await using testSite = new TestSite(seat, { sessionTimeout: 300 });
 * await testSite.fetch("/");
 * await testSite.advance(299);
 * assertEquals(seat.isTaken, true);
 * await testSite.advance(1);
 * assertEquals(seat.isTaken, false);
 * assertEquals(testSite.ends.map(({ reason }) => reason), ["idle"]);
 * assertEquals(testSite.errors, []);
 * ```
 *
 * @module
 */

import type { Clock } from "./internal/clock.ts";
import { CookieJar } from "./internal/cookie_jar.ts";
import { describe } from "./internal/describe.ts";
import { TestClock } from "./internal/test_clock.ts";
import { TestProcess } from "./internal/test_process.ts";
import { Resource } from "./resource.ts";
import type { Session, SessionEnd } from "./session.ts";
import { Site, type SiteOptions } from "./site.ts";

export { TestClock };

/** Where paths lead to that name no host. */
const ORIGIN = "http://localhost";

/** The digits of a uid, with which a token begins. */
const UID_LENGTH = 32;

/** Makes the site that is tested, with the options that the test needs. */
export type SiteMaker = (options: SiteOptions) => Site;

/**
 * A visitor of a site under test, with cookies as a browser would keep them.
 *
 * {@linkcode TestSite.visitor} makes one.
 */
export class TestVisitor {
  readonly #testSite: TestSite;
  readonly #jar = new CookieJar();
  /** What was visited last. */
  #url = new URL(ORIGIN);

  /**
   * Makes a visitor without cookies.
   *
   * @param testSite Where the visits go.
   */
  constructor(testSite: TestSite) {
    this.#testSite = testSite;
  }

  /**
   * Visits the site: sends the cookies that a browser would send, and keeps
   * those that it would keep.
   *
   * Host, `Path`, `Domain`, `Secure`, `Max-Age`, `Expires` and the prefixes
   * `__Secure-` and `__Host-` count, by the time of the site's clock. All
   * requests count as the site's own, so `SameSite` keeps no cookie back.
   * Redirects are answered, not followed.
   *
   * @param input A path, of `http://localhost`, a whole URL, or a request. A
   * `Cookie` header of its own goes in place of the visitor's.
   * @param init As for the constructor of `Request`.
   * @returns the site's response, once it is there; its body may still come.
   * @throws {TypeError} If there can be no such request.
   */
  async fetch(
    input: string | URL | Request,
    init?: RequestInit,
  ): Promise<Response> {
    const request = toRequest(input, init);
    const url = this.#url = new URL(request.url);
    const { clock, site } = this.#testSite;
    const cookie = this.#jar.headerFor(url, clock.now());
    if (cookie !== undefined && !request.headers.has("cookie")) {
      request.headers.set("cookie", cookie);
    }
    const response = await site.fetch(request);
    this.#jar.keep(response.headers.getSetCookie(), url, clock.now());
    return response;
  }

  /**
   * The `Cookie` header that a request would carry.
   *
   * @param input A path, of `http://localhost`, or a whole URL.
   * @returns undefined if there is no cookie for it.
   */
  cookiesFor(input: string | URL): string | undefined {
    return this.#jar.headerFor(toURL(input), this.#testSite.clock.now());
  }

  /**
   * The live session that the visitor's cookie names, at the URL that was visited
   * last; undefined if there is none, or none that the site has loaded from its
   * store. Looking is no visit.
   */
  get session(): Session | undefined {
    const { site } = this.#testSite;
    const headers = new Headers({ cookie: this.cookiesFor(this.#url) ?? "" });
    const isSecure = this.#url.protocol === "https:";
    const token = site.sessionCookie.tokenIn(headers, isSecure);
    return site.getSession(token?.slice(0, UID_LENGTH) ?? "");
  }
}

/**
 * A site under test: time that passes when told to, visitors with cookies, and a
 * record of the ends and the errors.
 *
 * @example Two visitors, one of whom stays
 * ```ts
 * import { Resource, type SiteRequest } from "@curfew/web";
 * import { TestSite } from "@curfew/web/testing";
 * import { assertEquals } from "@std/assert";
 *
 * class Hello extends Resource {
 *   override isLeaf = true;
 *   override render_GET(request: SiteRequest): string {
 *     return request.getSession().uid;
 *   }
 * }
 *
 * await using testSite = new TestSite(new Hello());
 * const alice = testSite.visitor();
 * const bob = testSite.visitor();
 * await alice.fetch("/");
 * const uid = await (await bob.fetch("/")).text();
 *
 * await testSite.advance(600);
 * await alice.fetch("/");
 * await testSite.advance(300);
 * assertEquals(testSite.ends.map((end) => end.uid), [uid]);
 * assertEquals(alice.session?.isActive, true);
 * ```
 */
export class TestSite implements AsyncDisposable {
  /** Where the site's time comes from. */
  readonly clock: Clock;
  /**
   * The ends of the site's sessions, in order, those that it was told of before a
   * crash included: one that is told again after it is here twice.
   */
  readonly ends: SessionEnd[] = [];
  /** What was reported to `onError`, in order. */
  readonly errors: unknown[] = [];

  readonly #makeSite: SiteMaker;
  readonly #options: SiteOptions;
  readonly #first: TestVisitor = new TestVisitor(this);
  #site: Site;
  #process: TestProcess;

  /**
   * Makes a site to test.
   *
   * @param root The root of its tree, or a function that makes the site, with
   * the options that it is given, each time that it starts.
   * @param options Those of the site. Its `clock` is a new {@linkcode TestClock}
   * unless told; a `store` is to be given the same one. Its `onError` is called
   * besides the recording.
   * @throws {TypeError} If the root is neither, and whatever the constructor of
   * `Site`, or the function, throws.
   */
  constructor(root: Resource | SiteMaker, options: SiteOptions = {}) {
    this.#makeSite = root instanceof Resource
      ? (options) => new Site(root, options)
      : root;
    if (typeof this.#makeSite !== "function") {
      throw new TypeError(
        `Cannot make a site to test: neither a Resource nor a function: ${
          describe(root)
        }`,
      );
    }
    this.clock = options.clock ?? new TestClock();
    this.#options = options;
    [this.#site, this.#process] = this.#start();
  }

  /** The site; another one after a {@linkcode TestSite.crash}. */
  get site(): Site {
    return this.#site;
  }

  /** The time of the site's clock, in UNIX seconds. */
  get now(): number {
    return this.clock.now() / 1000;
  }

  /** The live session of the first visitor; see {@linkcode TestVisitor.session}. */
  get session(): Session | undefined {
    return this.#first.session;
  }

  /**
   * Visits the site as its first visitor, the one whose cookies the test need
   * not mind; see {@linkcode TestVisitor.fetch}.
   */
  fetch(
    input: string | URL | Request,
    init?: RequestInit,
  ): Promise<Response> {
    return this.#first.fetch(input, init);
  }

  /** Makes another visitor, who has no cookies yet. */
  visitor(): TestVisitor {
    return new TestVisitor(this);
  }

  /**
   * Lets time pass: sessions end on the way, each at its own time, and what
   * their callbacks promise goes on; see {@linkcode TestClock.advance}.
   *
   * @param seconds How much; fractions count, to the millisecond.
   * @throws {RangeError} If it is negative or not a finite number.
   * @throws {Error} If the site was given a clock that is no `TestClock`: move
   * that one by its own means.
   */
  async advance(seconds: number): Promise<void> {
    if (!(this.clock instanceof TestClock)) {
      throw new Error(
        `Cannot advance the clock: not a TestClock: ${describe(this.clock)}`,
      );
    }
    await this.clock.advance(seconds);
  }

  /**
   * Has the process die and start again: no timer of the old site fires any
   * more, nobody is told of anything, event streams break off, and a new site
   * with the same options stands in its place.
   *
   * Sessions that only the memory held are gone, without an end. Those in a store
   * are found by the new site, which tells their ends too, the one that the old
   * site was telling once its lease has run out; give the store the clock of the
   * site, or it goes by the real time. The old site neither reaches the store nor
   * hears of it any more. Visitors keep their cookies. The new site has the same
   * resources, unless a function makes it; what was set on the old site itself it
   * does not have. A request under way is still answered by the old one, which
   * does without the store.
   *
   * @throws whatever a function that makes the site throws.
   */
  crash(): void {
    this.#process.die();
    this.site.stopStreams();
    [this.#site, this.#process] = this.#start();
  }

  /**
   * Closes the site: every session ends, `"shutdown"`, unless it is in a store,
   * and what callbacks promise is waited for, in real time. A callback that waits
   * for the clock would wait for ever: advance it before.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close();
  }

  #start(): [Site, TestProcess] {
    const process = new TestProcess(this.clock);
    const { onError, store } = this.#options;
    const site = this.#makeSite({
      ...this.#options,
      ...(store && { store: process.connect(store) }),
      clock: process,
      onError: (error, context) => {
        if (!process.hasDied) this.errors.push(error);
        return onError?.(error, context);
      },
    });
    site.notifyOnSessionEnd((end) => {
      if (!process.hasDied) this.ends.push(end);
    });
    return [site, process];
  }
}

function toRequest(input: string | URL | Request, init?: RequestInit): Request {
  return new Request(input instanceof Request ? input : toURL(input), init);
}

function toURL(input: string | URL): URL {
  return new URL(input, ORIGIN);
}
