/**
 * A page that shows the live sessions of a site, and the sessions that end.
 *
 * @module
 */

import { checkOptions, type OptionRules, STRING } from "../base/options.ts";
import { HttpError } from "../http/http_error.ts";
import { refuseOtherOrigins } from "../http/headers.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { StaticData } from "../resources/files/static_data.ts";
import { FormTokens } from "../resources/same_origin.ts";
import type { MonitoredSite } from "./monitored_site.ts";
import { confirmAllPage, confirmPage } from "./confirm_page.ts";
import { type ListedPage, ListedSessions } from "./listed_sessions.ts";
import { type MonitorView, queryOf, viewOf } from "./monitor_view.ts";
import { monitorPage, type PageFrame } from "./page.ts";
import { sharedParts } from "./page_parts.ts";
import { MONITOR_SCRIPT } from "./script.ts";
import { SessionHistory } from "./session_history.ts";
import { listedParts, principalText, shortUid } from "./session_rows.ts";
import { StoreFigures } from "./store_figures.ts";
import { MONITOR_ICON, MONITOR_STYLE } from "./style.ts";
import { MonitorViewers } from "./viewers.ts";

/** The options of a {@linkcode SessionMonitor}. */
export interface SessionMonitorOptions {
  /**
   * The heading and title of the page.
   *
   * @default {"Sessions"}
   */
  title?: string;
}

const RULES: OptionRules<SessionMonitorOptions> = { title: STRING };

/** Matches the uid of a session. */
const UID = /^[\da-f]{32}$/;

/** Allows only files of the monitor itself, and no inline script or style. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * A page for administrators with the live sessions of a site. It shows the time
 * that each session has left, its requests in this process
 * ({@linkcode Session.visits}), and the last ends with their reasons. It can end
 * a session, or all sessions of a principal.
 *
 * Over a store it shows figures of all processes too: the live sessions, the ends
 * that wait to be delivered or were given up, and the processes with the time at
 * which each was seen. The other counts, the charts and the list are of this
 * process. The page of a principal lists its sessions in all processes, and ends
 * them there.
 *
 * **Put a guard before it.** The page shows the principals, and a viewer can end
 * any sessions, for the reason `"revoked"`. It shows uids, which give no access,
 * and never tokens. It neither makes nor touches sessions, those of its viewers
 * included. A {@linkcode SessionGuard} or a {@linkcode LoginGuard} before it
 * touches the viewer's session by each opened page, not by its updates.
 *
 * The charts count from the construction of the monitor, for an hour back. The
 * page updates by server-sent events, which end with the site, with the viewer's
 * session or login, and after five minutes, so that the guard is asked again; it
 * works without JavaScript too. A session is ended by POST, from a page of the same
 * host, with a token for one {@linkcode SiteRequest.user} and one run of the program.
 *
 * The page can stay open on a site with many sessions. It shows 50 at a time, and
 * the first 1,000 of an order. To list them it examines 5,000 sessions in one turn of
 * the event loop. One listing is made at a time, for all viewers who request it. It
 * is cached for 2 seconds or for 20 times as long as it took, if that is longer. A principal's sessions are read from
 * the store, and cached in the same way. Figures of the store are read at most every
 * ten seconds, and more seldom if the store takes long to count. There can be 32
 * viewers at the same time; without viewers the monitor only counts. Twisted has no
 * such page.
 *
 * @example Usage
 * ```ts
 * import { Guard, passwordCheck, Resource, Site } from "@curfew/web";
 * import { SessionMonitor } from "@curfew/web/monitor";
 * import { assertEquals } from "@std/assert";
 *
 * const root = new Resource();
 * await using site = new Site(root);
 * const check = passwordCheck({ admin: "open sesame" });
 * const monitor = new SessionMonitor(site);
 * root.putChild("monitor", new Guard(monitor, check, { realm: "Monitor" }));
 *
 * const request = new Request("http://localhost/monitor", {
 *   headers: { authorization: `Basic ${btoa("admin:open sesame")}` },
 * });
 * assertEquals((await site.fetch(request)).status, 200);
 * ```
 */
export class SessionMonitor extends Resource {
  readonly #site: MonitoredSite;
  readonly #title: string;
  readonly #history: SessionHistory;
  readonly #listed: ListedSessions;
  readonly #figures: StoreFigures;
  readonly #viewers: MonitorViewers;
  readonly #tokens = new FormTokens();

  /**
   * Makes the page, and begins to count.
   *
   * @param site The site with the sessions to show.
   * @throws {TypeError} If the title is not a string, or an option is unknown.
   */
  constructor(site: MonitoredSite, options: SessionMonitorOptions = {}) {
    super();
    checkOptions("make a monitor", options, RULES);
    this.#site = site;
    this.#title = options.title ?? "Sessions";
    this.#history = new SessionHistory(site);
    this.#listed = new ListedSessions(site, this.#history);
    this.#figures = new StoreFigures(site);
    this.#viewers = new MonitorViewers(site, {
      history: this.#history,
      listed: this.#listed,
      figures: this.#figures,
    });
    this.putChild("monitor.css", new Asset(MONITOR_STYLE, "text/css"));
    this.putChild("monitor.js", new Asset(MONITOR_SCRIPT, "text/javascript"));
    this.putChild("icon.svg", new Asset(MONITOR_ICON, "image/svg+xml"));
    const events = new Events((request) => this.#openEvents(request));
    this.putChild("events", events);
  }

  /** Returns the page itself for a path that ends with a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /**
   * Returns the page, or a form that confirms the end of the session `?end=`, or
   * of all sessions of a principal.
   */
  override async render_GET(request: SiteRequest): Promise<Rendered> {
    secure(request);
    const view = viewOf(request);
    const frame: PageFrame = {
      title: this.#title,
      links: {
        style: request.childLink("monitor.css"),
        script: request.childLink("monitor.js"),
        icon: request.childLink("icon.svg"),
        events: request.childLink("events"),
      },
      view,
      token: await this.#tokens.make(request.user ?? ""),
      now: this.#site.clock.now() / 1000,
    };
    const form = await this.#form(frame, request);
    if (form !== undefined) return form;
    const listed = await this.#listed.list(view);
    await this.#figures.refresh();
    const now = this.#site.clock.now() / 1000;
    const { hasStore } = this.#listed;
    const figures = {
      active: this.#site.sessions.size,
      store: this.#figures.shown,
    };
    return monitorPage({
      ...frame,
      now,
      parts: {
        ...sharedParts(figures, this.#history, now),
        ...listedParts(listed, { view, now }),
      },
      hasStore,
      notice: noticeOf(request.query.get("ended"), view, {
        listed,
        isLive: (uid) => this.#site.sessions.has(uid),
      }),
    });
  }

  /**
   * Ends a session, or all of a principal, if the form has the token of this
   * viewer.
   */
  override async render_POST(request: SiteRequest): Promise<Rendered> {
    secure(request);
    refuseOtherOrigins(request);
    const form = await request.formData();
    if (!await this.#tokens.isValid(form.get("token"), request.user ?? "")) {
      throw new HttpError(
        403,
        "The page is out of date: go back, reload it, and try again",
      );
    }
    const { sessions } = this.#site;
    const view = viewOf(request);
    const { principal } = view;
    const isAll = form.has("all") && principal !== undefined;
    const uid = String(form.get("uid"));
    try {
      if (isAll) await sessions.endSessions(principal, { reason: "revoked" });
      else if (UID.test(uid)) await sessions.end(uid, "revoked");
    } finally {
      if (principal !== undefined) this.#listed.forget(principal);
    }
    const ended = isAll ? "all" : uid;
    return request.redirect(queryOf(view, { ended }), 303);
  }

  /** Returns the form that confirms an end, if the request is for one. */
  async #form(
    frame: PageFrame,
    request: SiteRequest,
  ): Promise<string | undefined> {
    const uid = request.query.get("end");
    const { principal } = frame.view;
    if (uid === null) return undefined;
    if (uid === "all" && principal !== undefined) {
      const { total } = await this.#listed.list(frame.view);
      const isOwn = request.principal === principal;
      return total === 0 ? undefined : confirmAllPage(frame, { total, isOwn });
    }
    const session = await this.#listed.find(uid, frame.view);
    return session && confirmPage(frame, session);
  }

  #openEvents(request: SiteRequest): Rendered {
    if (this.#viewers.isFull) {
      throw new HttpError(
        503,
        "The monitor has too many viewers at the moment",
      );
    }
    secure(request);
    request.setHeader("content-type", "text/event-stream");
    return this.#viewers.open(viewOf(request), request);
  }
}

/**
 * Returns HTML about what the viewer has ended, if it is over: a uid, or `"all"`.
 */
function noticeOf(
  ended: string | null,
  { principal }: MonitorView,
  { listed, isLive }: {
    readonly listed: ListedPage;
    readonly isLive: (uid: string) => boolean;
  },
): string | undefined {
  if (ended === "all" && principal !== undefined) {
    return listed.total > 0 || listed.isPartial
      ? undefined
      : `All sessions of ${principalText(principal)} have ended.`;
  }
  const isOver = ended !== null && UID.test(ended) && !isLive(ended) &&
    !listed.sessions.some(({ uid }) => uid === ended);
  return isOver
    ? `Session <code>${shortUid(ended)}</code> has ended.`
    : undefined;
}

/** A file of the page. */
class Asset extends StaticData {
  override touchesSession: boolean = false;

  constructor(text: string, type: string) {
    super(text, `${type}; charset=utf-8`);
  }
}

/** The server-sent events of the page. */
class Events extends Resource {
  override touchesSession: boolean = false;
  readonly #open: (request: SiteRequest) => Rendered;

  constructor(open: (request: SiteRequest) => Rendered) {
    super();
    this.#open = open;
  }

  override render_GET(request: SiteRequest): Rendered {
    return this.#open(request);
  }

  /** Opens no stream, since a response to HEAD has no body. */
  override render_HEAD(request: SiteRequest): Rendered {
    request.setHeader("content-type", "text/event-stream");
    return "";
  }
}

/** Sets headers that forbid caches, frames and foreign content. */
function secure(request: SiteRequest): void {
  request.setHeader("cache-control", "no-store");
  request.setHeader("content-security-policy", POLICY);
  request.setHeader("referrer-policy", "same-origin");
  request.setHeader("x-content-type-options", "nosniff");
  request.setHeader("x-frame-options", "DENY");
}
