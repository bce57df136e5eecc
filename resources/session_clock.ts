/**
 * The time that a session has left, for pages.
 *
 * @module
 */

import { checkOptions, type OptionRules } from "../base/options.ts";
import type { MaybePromise } from "../base/promises.ts";
import { loadOnce } from "../base/loading.ts";
import { refuseForeignChange } from "../http/same_origin.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { loadLaterCode } from "./load_later.ts";
import type { EventStream, Session } from "../session.ts";

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
  warnBefore: {
    kind: "a number of seconds above 0",
    isKind: (value) => typeof value === "number",
    isInRange: (seconds: number) => seconds > 0 && seconds < Infinity,
  },
};

/** The state of the client's session, which a {@linkcode SessionClock} sends as JSON. */
export interface SessionClockState {
  /** Whether the client has a live session. */
  readonly isActive: boolean;
  /** Seconds until the session ends without access; null if it never ends. */
  readonly secondsLeft: number | null;
  /** Whether access would postpone the end; `absoluteTimeout` limits that. */
  readonly canStay: boolean;
  /**
   * The uid of the session; null without one. If a page gets another uid than
   * before, it shows the data of a session that is over.
   */
  readonly session: string | null;
  /** The principal of the session; null without one. */
  readonly principal: string | null;
}

/** Milliseconds between two checks of the deadline. */
const CHECK_EVERY = 1000;

/** Milliseconds by which equal deadlines may differ, through rounding. */
const ROUNDING = 1;

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
    for (const name of ["script.js", "client.js"] as const) {
      this.putChild(
        name,
        new Later(false, async () => {
          const { makeClockScript } = await loadLaterCode();
          return makeClockScript(name);
        }),
      );
    }
    this.putChild(
      "presence",
      new Later(true, async () => {
        const { SessionPresence } = await loadLaterCode();
        return new SessionPresence();
      }),
    );
  }

  /** Returns this resource for a path that ends with a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /** Returns the state of the session, once or as a stream of events. */
  override render_GET(request: SiteRequest): Rendered {
    const { session } = request;
    const isStream = request.getHeader("accept")
      ?.includes("text/event-stream");
    if (!isStream) return respond(session);
    if (session === undefined) return new Response(null, { status: 204 });
    return this.#follow(session, request).response;
  }

  /** Touches the session. */
  override render_POST(request: SiteRequest): Rendered {
    refuseForeignChange(request, []);
    // getSession() would make a session for a client without one.
    return respond(
      request.session === undefined ? undefined : request.getSession(),
    );
  }

  /** Ends the session. */
  override render_DELETE(request: SiteRequest): Rendered {
    refuseForeignChange(request, []);
    if (request.session !== undefined) request.logOut();
    return respond(request.session);
  }

  #follow(session: Session, request: SiteRequest): EventStream {
    const { clock } = session.site;
    const events = session.events(request);
    const send = (event: string) =>
      events.send({ event, data: stateOf(session) });
    let sent: number | undefined;
    let timer: unknown;
    const check = () => {
      if (session.expiresAt !== sent) send("deadline");
      sent = session.expiresAt;
      if (events.isOpen) timer = clock.setTimeout(check, CHECK_EVERY);
    };
    check();
    const stopWarnings = session.notifyBeforeEnd(
      this.#lead / 1000,
      () => send("warning"),
    );
    events.signal.addEventListener("abort", () => {
      clock.clearTimeout(timer);
      stopWarnings();
    });
    // The stream is closed from the start if the site has stopped.
    if (!events.isOpen) stopWarnings();
    return events;
  }
}

/** A child whose code is loaded at the first request for it. */
class Later extends Resource {
  readonly #load: () => MaybePromise<Resource>;

  constructor(usesSession: boolean, load: () => Promise<Resource>) {
    super();
    this.usesSession = usesSession;
    this.#load = loadOnce(load);
  }

  override async render(request: SiteRequest): Promise<Rendered> {
    return (await this.#load()).render(request);
  }
}

function respond(session: Session | undefined): Response {
  return Response.json(stateOf(session), {
    headers: { "cache-control": "no-store" },
  });
}

function stateOf(session: Session | undefined): SessionClockState {
  if (!session?.isActive) {
    return {
      isActive: false,
      secondsLeft: 0,
      canStay: false,
      session: null,
      principal: null,
    };
  }
  const { expiresAt, absoluteTimeout, principal = null } = session;
  const left = expiresAt - session.site.clock.now() / 1000;
  const start = session.authenticatedAt ?? session.createdAt;
  const canStay = (start + absoluteTimeout - expiresAt) * 1000 > ROUNDING;
  return {
    isActive: true,
    secondsLeft: left === Infinity ? null : Math.round(left * 1000) / 1000,
    canStay,
    session: session.uid,
    principal,
  };
}
