/**
 * Sites under test: visitors with cookies, and a clock that the test moves.
 *
 * It needs no test runner and no permission, and replaces no globals: only the
 * site's clock is moved, while `Date` and `setTimeout` stay real.
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
 *     const session = request.getSession();
 *     if (request.isNewSession) {
 *       session.notifyOnExpire(() => this.isTaken = false);
 *     }
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

import { BREAK_STREAMS } from "./http/open_stream.ts";
import type { Clock } from "./base/clock.ts";
import { describe } from "./base/describe.ts";
import { checkOptions } from "./base/options.ts";
import { TestClock } from "./testing/test_clock.ts";
import { TestProcess } from "./testing/test_process.ts";
import {
  TestVisitor,
  type TestVisitorOptions,
} from "./testing/test_visitor.ts";
import { Resource } from "./resource.ts";
import type { Session, SessionEnd } from "./session.ts";
import { Site } from "./site.ts";
import type { SiteOptions } from "./site/site_options.ts";
import { SITE_OPTION_RULES } from "./site/site_options.ts";

export { TestClock, TestVisitor, type TestVisitorOptions };

/** Makes the site that is tested, with the options that the test needs. */
export type SiteMaker = (options: SiteOptions) => Site;

/**
 * A site under test: a clock that the test moves, visitors with cookies, and a
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
  /** The clock of the site. */
  readonly clock: Clock;
  /**
   * The ends that were delivered, in order, including those before a crash. An end
   * that is delivered again after a crash is in the list twice.
   */
  readonly ends: SessionEnd[] = [];
  /** The errors that were reported to `onError`, in order. */
  readonly errors: unknown[] = [];

  readonly #makeSite: SiteMaker;
  readonly #options: SiteOptions;
  readonly #first: TestVisitor = new TestVisitor(this);
  #site: Site;
  #process: TestProcess;

  /**
   * Makes a site to test.
   *
   * @param root The root of the tree, or a function that makes the site from its
   * options at each start.
   * @param options The options of the site. The default `clock` is a new
   * {@linkcode TestClock}; give a `store` the same clock. `onError` is called in
   * addition to the recording.
   * @throws {TypeError} If the root is neither, or an option is of the wrong kind or
   * unknown. Errors of the constructor of `Site`
   * and of the function are thrown too.
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
    // The site gets other options, which would hide a wrong one.
    checkOptions("make a site to test", options, SITE_OPTION_RULES);
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
   * Visits the site as its first visitor, for tests with only one; see
   * {@linkcode TestVisitor.fetch}.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    return this.#first.fetch(input, init);
  }

  /**
   * Makes another visitor, without cookies.
   *
   * @throws {TypeError} If an option is of the wrong kind, or unknown.
   * @throws {RangeError} If the transport is neither of the two.
   */
  visitor(options: TestVisitorOptions = {}): TestVisitor {
    return new TestVisitor(this, options);
  }

  /**
   * Advances the clock. Sessions end on the way, each at its own time, and the
   * promises of their callbacks proceed; see {@linkcode TestClock.advance}.
   *
   * @param seconds How far; fractions count, to the millisecond.
   * @throws {RangeError} If it is negative or not a finite number.
   * @throws {Error} If the site's clock is not a `TestClock`.
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
   * Simulates a process that dies and starts again. The timers of the old site no
   * longer fire, it delivers no more ends, and its event streams break: their
   * clients get no `end` event. A new site with the same options replaces it.
   *
   * Sessions without a store are lost, without an end. The new site finds those in
   * a store, and delivers their ends. An end that the old site was delivering
   * follows when its lease has run out; that needs a store with the site's clock.
   * The old site is cut off from the store, but still responds to running requests.
   *
   * Visitors keep their cookies. The new site has the same resources, unless a
   * function makes it. Changes to the old site itself are lost.
   *
   * @throws the errors of a function that makes the site.
   */
  crash(): void {
    this.#process.die();
    this.site[BREAK_STREAMS]();
    [this.#site, this.#process] = this.#start();
  }

  /**
   * Closes the site: every session that is not in a store ends, for the reason
   * `"shutdown"`. Waits in real time for the promises of callbacks. If a callback
   * waits for the clock, advance the clock before.
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
