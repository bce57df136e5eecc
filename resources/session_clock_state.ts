import { refuseForeignChange } from "../http/foreign_change.ts";
import type { EventStream } from "../live/event_stream.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import type { Session } from "../session.ts";

/** The state of the client's session, which a `SessionClock` sends as JSON. */
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

/** Returns the state of the session, once or as a stream of events. */
export function showClock(request: SiteRequest, lead: number): Rendered {
  const { session } = request;
  const isStream = request.getHeader("accept")
    ?.includes("text/event-stream");
  if (!isStream) return respond(session);
  if (session === undefined) return new Response(null, { status: 204 });
  return follow(session, request, lead).response;
}

/** Touches the session, and returns its state. */
export function keepSession(request: SiteRequest): Rendered {
  refuseForeignChange(request, []);
  // getSession() would make a session for a client without one.
  return respond(
    request.session === undefined ? undefined : request.getSession(),
  );
}

/** Ends the session, and returns its state. */
export function endSession(request: SiteRequest): Rendered {
  refuseForeignChange(request, []);
  if (request.session !== undefined) request.logOut();
  return respond(request.session);
}

/** @param lead Milliseconds from a warning to the end. */
function follow(
  session: Session,
  request: SiteRequest,
  lead: number,
): EventStream {
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
    lead / 1000,
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
