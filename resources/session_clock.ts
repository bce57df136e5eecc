/**
 * How long a session lasts yet, for pages.
 *
 * @module
 */

import { refuseOtherOrigins } from "../internal/same_origin.ts";
import { sessionClock } from "../internal/session_clock_script.js";
import { leadOf } from "../internal/session_warnings.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { EventStream, Session } from "../session.ts";
import { StaticData } from "./static_data.ts";

/** How a {@linkcode SessionClock} is to be. */
export interface SessionClockOptions {
  /**
   * Seconds before the end at which its stream of events sends a `warning`. The
   * script has its own.
   *
   * @default {60}
   */
  readonly warnBefore?: number;
}

/** What a {@linkcode SessionClock} tells of the visitor's session, as JSON. */
export interface SessionClockState {
  /** Whether there is one. */
  readonly isActive: boolean;
  /** Seconds until it ends if nobody comes; null if it never does. */
  readonly secondsLeft: number | null;
  /** Whether to stay would put that off: not beyond `absoluteTimeout`. */
  readonly canStay: boolean;
}

/** Milliseconds between two looks at whether the deadline has moved. */
const LOOK_EVERY = 1000;

/** Milliseconds: what a deadline may differ by from being the same. */
const ROUNDING = 1;

/**
 * Tells a page how long the visitor's session lasts yet, and lets the visitor
 * stay or leave.
 *
 * - GET answers a {@linkcode SessionClockState} as JSON, and is no visit
 * - GET with `Accept: text/event-stream` answers server-sent events: `deadline`,
 *   with the same JSON, at the beginning and within a second after it has moved;
 *   `warning`, likewise, some time before the end; `end`, with the reason. It is
 *   no visit, however long it lasts. Without a session it answers 204, so that
 *   browsers do not come back.
 * - POST stays: it is a visit, and answers as GET does
 * - DELETE leaves: it ends the session, for the reason `"logout"`
 *
 * It makes no session. POST and DELETE from pages of other origins are answered
 * 403.
 *
 * Its child `script.js` shows all that to the visitor, in a dialog with a
 * countdown. It needs no more than a tag in the page, and a
 * Content-Security-Policy need allow it no more than `script-src 'self'` and
 * `connect-src 'self'`:
 *
 * ```html
 * <script src="/clock/script.js" data-lead="30" defer></script>
 * ```
 *
 * `data-lead` says how many seconds before the end it comes up, 60 by default;
 * `data-after` where to go after the end, by default the page again;
 * `data-warning`, with `{time}` in it, `data-stay`, `data-leave`,
 * `data-dismiss`, `data-ended` and `data-again` are its texts, whose language
 * for `{time}` is the page's. Who stays in one tab does so in all, and who
 * leaves too. In Twisted there is nothing like it.
 *
 * Do not put it behind a {@linkcode SessionGuard}, which takes each request for a
 * visit.
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
 * });
 * ```
 */
export class SessionClock extends Resource {
  /** Milliseconds. */
  readonly #lead: number;

  /**
   * Makes the resource.
   *
   * @param options How it is to be.
   * @throws {TypeError} If `warnBefore` is no number.
   * @throws {RangeError} If it is not above 0, or not finite.
   */
  constructor(options: SessionClockOptions = {}) {
    super();
    this.#lead = leadOf(options.warnBefore ?? 60);
    this.putChild(
      "script.js",
      new StaticData(
        `(${sessionClock})();\n`,
        "text/javascript; charset=utf-8",
      ),
    );
  }

  /** Is its own page where the path ends in a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /** How long the session lasts yet, now or as it goes on. */
  override render_GET(request: SiteRequest): Rendered {
    const { session } = request;
    const isFollowed = request.getHeader("accept")
      ?.includes("text/event-stream");
    if (!isFollowed) return answer(session);
    if (session === undefined) return new Response(null, { status: 204 });
    return this.#follow(session, request).response;
  }

  /** Stays. */
  override render_POST(request: SiteRequest): Rendered {
    refuseOtherOrigins(request);
    // One that there is: getSession() would make one.
    return answer(
      request.session === undefined ? undefined : request.getSession(),
    );
  }

  /** Leaves. */
  override render_DELETE(request: SiteRequest): Rendered {
    refuseOtherOrigins(request);
    request.session?.expire();
    return answer(request.session);
  }

  #follow(session: Session, request: SiteRequest): EventStream {
    const { clock } = session.site;
    const events = session.events(request);
    const send = (event: string) =>
      events.send({ event, data: stateOf(session) });
    let told: number | undefined;
    let timer: unknown;
    const look = () => {
      if (session.expiresAt !== told) send("deadline");
      told = session.expiresAt;
      if (events.isOpen) timer = clock.setTimeout(look, LOOK_EVERY);
    };
    look();
    const takeBack = session.notifyBeforeEnd(
      this.#lead / 1000,
      () => send("warning"),
    );
    events.signal.addEventListener("abort", () => {
      clock.clearTimeout(timer);
      takeBack();
    });
    // The site may have stopped before.
    if (!events.isOpen) takeBack();
    return events;
  }
}

function answer(session: Session | undefined): Response {
  return Response.json(stateOf(session), {
    headers: { "cache-control": "no-store" },
  });
}

function stateOf(session: Session | undefined): SessionClockState {
  if (!session?.isActive) {
    return { isActive: false, secondsLeft: 0, canStay: false };
  }
  const { expiresAt, createdAt, absoluteTimeout } = session;
  const left = expiresAt - session.site.clock.now() / 1000;
  const canStay = (createdAt + absoluteTimeout - expiresAt) * 1000 > ROUNDING;
  return {
    isActive: true,
    secondsLeft: left === Infinity ? null : Math.round(left * 1000) / 1000,
    canStay,
  };
}
