/**
 * The time that a session has left, for pages.
 *
 * @module
 */

import { checkOptions, numberThat, type OptionRules } from "../base/options.ts";
import { loadOnce, type MaybePromise, proceed } from "../base/promises.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { loadLaterCode } from "./wrap.ts";
import type { ClockChildName } from "./session_clock_files.ts";
import type { SessionClockState } from "./session_clock_state.ts";

export type { SessionClockState };

/** The options of a {@linkcode SessionClock}. */
export interface SessionClockOptions {
  /**
   * Seconds before the end at which the stream of events sends a `warning`. The
   * script has an option of its own, `data-lead`.
   *
   * @default {60}
   */
  readonly warnBefore?: number;
}

const RULES: OptionRules<SessionClockOptions> = {
  warnBefore: numberThat(
    "a number of seconds above 0",
    (seconds) => seconds > 0 && seconds < Infinity,
  ),
};

/**
 * A resource that shows a page how much time the client's session has left, and
 * lets the user extend or end the session.
 *
 * - GET returns a {@linkcode SessionClockState} as JSON, without touching the
 *   session
 * - GET with `Accept: text/event-stream` returns server-sent events, without
 *   touching the session: `deadline`, with the same JSON, at the beginning and
 *   within a second after the deadline has changed; `warning`, with the same JSON,
 *   some time before the end; `end`, with the reason. Without a session it returns
 *   a 204, so that browsers do not reconnect.
 * - POST touches the session, and returns the JSON
 * - DELETE ends the session, for the reason `"logout"`
 *
 * It never makes a session. POST and DELETE from pages of other origins get a
 * 403.
 *
 * Its child `script.js` shows the user a dialog with a countdown, and covers the
 * page at the end. Include it in a page by one tag. A Content-Security-Policy needs
 * to allow `script-src 'self'` and `connect-src 'self'` only:
 *
 * ```html
 * <script src="/clock/script.js" data-lead="30" defer></script>
 * ```
 *
 * The attributes of the tag are options:
 *
 * - `data-lead`: seconds before the end at which the dialog opens, 60 by default
 * - `data-after`: the page to open after the end; by default the page reloads
 * - `data-heading`, `data-warning`, `data-stay` and `data-leave`: the texts of the
 *   warning. `{time}` in the warning becomes the time left, in the language of the
 *   page. `data-last` and `data-dismiss`: the warning and the button if the end
 *   cannot be postponed
 * - `data-end-heading`, `data-ended` and `data-again`: the texts of the end
 * - `data-presence`: keeps the visitor present while the page is open, by a stream
 *   of events; see `sessions.onPresence()`. When the page is closed, the script
 *   tells the site, in case a proxy holds the connection open
 * - `data-away`, `data-stay-failed` and `data-leave-failed`: the texts for failures
 *
 * The script dispatches events at the document, whose `detail` is the state:
 * `session-warning`; `session-ended`, before the page is covered, so that the page
 * can save work; and `session-continued`, if the session goes on after one of
 * these. If the site cannot be reached, the script says so, and goes by the last
 * known deadline. If the browser has another session, or the session another
 * principal, the script treats that as the end. After a login or a logout by
 * `fetch`, dispatch `new Event("session-changed")` at the document or the window.
 *
 * A choice in one tab counts for all tabs.
 *
 * Its child `client.js` is the same without a view, for pages with a view of their
 * own: a module that exports `subscribe(listener, { lead })`, `look()`, `stay()`
 * and `signOut()`. The guide has its types and examples: `docs/session_clock.md`.
 * Twisted has no such resource.
 *
 * Do not put it behind a {@linkcode SessionGuard} or a {@linkcode LoginGuard},
 * which touch the session at each request.
 *
 * @example Usage
 * ```ts
 * import { Resource, SessionClock, Site } from "@curfew/web";
 * import { assertEquals } from "@std/assert";
 *
 * await using site = new Site(
 *   new Resource().putChild("clock", new SessionClock()),
 * );
 * const response = await site.fetch(new Request("http://localhost/clock"));
 * assertEquals(await response.json(), {
 *   isActive: false,
 *   secondsLeft: 0,
 *   canStay: false,
 *   session: null,
 *   principal: null,
 * });
 * ```
 */
export class SessionClock extends Resource {
  /** Milliseconds from a warning to the end. */
  readonly #lead: number;

  /**
   * Makes the resource.
   *
   * @throws {TypeError} If `warnBefore` is not a number, or an option is unknown.
   * @throws {RangeError} If `warnBefore` is not above 0, or not finite.
   */
  constructor(options: SessionClockOptions = {}) {
    super();
    checkOptions("make a session clock", options, RULES);
    this.#lead = (options.warnBefore ?? 60) * 1000;
    for (const name of ["script.js", "client.js", "presence"] as const) {
      this.putChild(name, new ClockChild(name));
    }
  }

  /** Returns this resource for a path that ends with a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /** Returns the state of the session, once or as a stream of events. */
  override render_GET(request: SiteRequest): Rendered | Promise<Rendered> {
    return proceed(
      loadLaterCode(),
      ({ showClock }) => showClock(request, this.#lead),
    );
  }

  /** Touches the session. */
  override render_POST(request: SiteRequest): Rendered | Promise<Rendered> {
    return proceed(loadLaterCode(), ({ keepSession }) => keepSession(request));
  }

  /** Ends the session. */
  override render_DELETE(request: SiteRequest): Rendered | Promise<Rendered> {
    return proceed(loadLaterCode(), ({ endSession }) => endSession(request));
  }
}

/** A child whose code is loaded at the first request for it. */
class ClockChild extends Resource {
  readonly #load: () => MaybePromise<Resource>;

  constructor(name: ClockChildName) {
    super();
    this.usesSession = name === "presence";
    this.#load = loadOnce(async () => {
      const { makeClockChild } = await loadLaterCode();
      return makeClockChild(name);
    });
  }

  override async render(request: SiteRequest): Promise<Rendered> {
    return (await this.#load()).render(request);
  }
}
