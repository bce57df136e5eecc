/**
 * A page that shows the live sessions of a site, and the sessions that end.
 *
 * @module
 */

import { checkOptions, type OptionRules, STRING } from "../base/options.ts";
import { HttpError } from "../http/http_error.ts";
import { refuseOtherOrigins } from "../http/same_origin.ts";
import type { Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import { StaticData } from "../resources/files/static_data.ts";
import { FormTokens } from "../resources/form_tokens.ts";
import { OWNER } from "../session/internals.ts";
import type { MonitoredSite } from "./monitored_site.ts";
import { confirmPage, monitorPage } from "./page.ts";
import {
  type MonitorView,
  PAGE_SIZE,
  queryOf,
  sharedParts,
  viewParts,
} from "./page_parts.ts";
import { MONITOR_SCRIPT } from "./script.ts";
import { SessionHistory } from "./session_history.ts";
import { MAX_LISTED, ORDERS, SessionListing } from "./session_listing.ts";
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

/** The most characters of a search. */
const MAX_SEARCH = 64;

/** Allows only files of the monitor itself, and no inline script or style. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * A page for administrators with the live sessions of a site. It shows the time
 * that each session has left, its requests in this process
 * ({@linkcode Session.visits}), and the last ends with their reasons. It can end
 * a session.
 *
 * **Put a guard before it.** The page shows the principals, and a viewer can end
 * any session, for the reason `"revoked"`. It shows uids, which give no access,
 * and never tokens. It neither makes nor touches sessions, those of its viewers
 * included. A {@linkcode SessionGuard} or a {@linkcode LoginGuard} before it
 * touches the viewer's session when the viewer opens a page, but not by the
 * updates of a page that stays open.
 *
 * The charts count from the construction of the monitor, for an hour back. The
 * page updates by server-sent events, which end with the site, with the viewer's
 * session or login, and after five minutes, so that the guard is asked again; it
 * works without JavaScript too. A session is ended by POST, and only from a page of the same
 * host. The form has a token that is valid for one {@linkcode SiteRequest.user}
 * and one run of the program.
 *
 * The page can stay open on a site with many sessions. It shows 50 sessions at a
 * time, and the first 1,000 of an order. To list them it examines 5,000 sessions
 * in one turn of the event loop. One listing is made at a time, and viewers who
 * request the same listing share it. A listing is cached for 2 seconds or for 20
 * times as long as it took, if that is longer. There can be 32 viewers at the
 * same time; without viewers the monitor only counts.
 *
 * Twisted has no such page.
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
  readonly #listing: SessionListing;
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
    this.#listing = new SessionListing(site.sessions, site.clock);
    this.#viewers = new MonitorViewers(site, this.#history, this.#listing);
    this.putChild("monitor.css", new Asset(MONITOR_STYLE, "text/css"));
    this.putChild("monitor.js", new Asset(MONITOR_SCRIPT, "text/javascript"));
    this.putChild("icon.svg", new Asset(MONITOR_ICON, "image/svg+xml"));
    this.putChild(
      "events",
      new Events((request) => this.#openEvents(request)),
    );
  }

  /** Returns the page itself for a path that ends with a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /** Returns the page, or a form that confirms the end of the session `?end=`. */
  override async render_GET(request: SiteRequest): Promise<Rendered> {
    secure(request);
    const view = viewOf(request);
    const common = {
      title: this.#title,
      links: {
        style: request.childLink("monitor.css"),
        script: request.childLink("monitor.js"),
        icon: request.childLink("icon.svg"),
        events: request.childLink("events"),
      },
      view,
      token: await this.#tokens.make(request.user ?? ""),
    };
    const { clock, sessions } = this.#site;
    const uid = request.query.get("end");
    const session = uid === null ? undefined : this.#site.getSession(uid);
    if (session !== undefined) {
      return confirmPage({ ...common, now: clock.now() / 1000 }, session);
    }
    const listing = await this.#listing.list(view);
    const now = clock.now() / 1000;
    return monitorPage({
      ...common,
      now,
      parts: {
        ...sharedParts(sessions.size, this.#history, now),
        ...viewParts(sessions, { view, listing, now }),
      },
      endedUid: this.#endedUid(request),
    });
  }

  /** Ends a session if the form has the token of this viewer. */
  override async render_POST(request: SiteRequest): Promise<Rendered> {
    secure(request);
    refuseOtherOrigins(request);
    const form = await request.formData();
    const uid = String(form.get("uid"));
    if (!await this.#tokens.isValid(form.get("token"), request.user ?? "")) {
      throw new HttpError(
        403,
        "The page is out of date: go back, reload it, and try again",
      );
    }
    const session = this.#site.getSession(uid);
    if (session !== undefined) this.#site[OWNER].end(session, "revoked");
    return request.redirect(queryOf(viewOf(request), { ended: uid }), 303);
  }

  #openEvents(request: SiteRequest): Rendered {
    if (this.#viewers.isFull) throw new HttpError(503, "Too many viewers");
    secure(request);
    request.setHeader("content-type", "text/event-stream");
    return this.#viewers.open(viewOf(request), request);
  }

  #endedUid(request: SiteRequest): string | undefined {
    const uid = request.query.get("ended");
    return uid !== null && /^[\da-f]{32}$/.test(uid) &&
        !this.#site.sessions.has(uid)
      ? uid
      : undefined;
  }
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

/** Reads a view from a query; an invalid value becomes the default. */
function viewOf({ query }: SiteRequest): MonitorView {
  const order = query.get("order");
  const page = Number(query.get("page"));
  const isPage = Number.isInteger(page) && page >= 1 &&
    page <= MAX_LISTED / PAGE_SIZE;
  return {
    order: ORDERS.find((known) => known === order) ?? "newest",
    search: (query.get("q") ?? "").trim().slice(0, MAX_SEARCH),
    page: isPage ? page : 1,
  };
}

/** Sets headers that forbid caches, frames and foreign content. */
function secure(request: SiteRequest): void {
  request.setHeader("cache-control", "no-store");
  request.setHeader("content-security-policy", POLICY);
  request.setHeader("referrer-policy", "same-origin");
  request.setHeader("x-content-type-options", "nosniff");
  request.setHeader("x-frame-options", "DENY");
}
