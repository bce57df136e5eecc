/**
 * A page that shows the sessions of a site as they come and go.
 *
 * @module
 */

import type { Clock } from "../internal/clock.ts";
import { describe } from "../internal/describe.ts";
import { FormTokens } from "../internal/form_tokens.ts";
import { HttpError } from "../internal/http_error.ts";
import { latenessTable, minutesChart } from "../internal/monitor_charts.ts";
import {
  confirmPage,
  endsPart,
  figuresPart,
  type MonitorPage,
  monitorPage,
  type MonitorParts,
  type MonitorView,
  PAGE_SIZE,
  pagingPart,
  queryOf,
  rowsPart,
} from "../internal/monitor_page.ts";
import { MONITOR_SCRIPT } from "../internal/monitor_script.ts";
import { MONITOR_ICON, MONITOR_STYLE } from "../internal/monitor_style.ts";
import {
  type MonitorViewer,
  MonitorViewers,
} from "../internal/monitor_viewers.ts";
import { refuseOtherOrigins } from "../internal/same_origin.ts";
import { SessionChronicle } from "../internal/session_chronicle.ts";
import type { CountedSite } from "../internal/session_figures.ts";
import {
  type Listing,
  MAX_LISTED,
  ORDERS,
  SessionLister,
} from "../internal/session_listing.ts";
import { randomId } from "../internal/token.ts";
import type { ErrorContext, Rendered, SiteRequest } from "../request.ts";
import { Resource } from "../resource.ts";
import type { Session, SessionEndReason } from "../session.ts";
import { StaticData } from "./static_data.ts";

/** What a monitor uses of the site that it shows. `Site` is one. */
export interface MonitoredSite extends CountedSite {
  /** Where the time comes from. */
  readonly clock: Clock;
  /** The live sessions by uid. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** The live session of a uid, not touched. */
  getSession(uid: string): Session | undefined;
  /** Ends a session. */
  endSession(session: Session, reason: SessionEndReason): void;
  /** Hands an error to `onError`. */
  reportError(error: unknown, context: ErrorContext): void;
}

/** How a {@linkcode SessionMonitor} is to be. */
export interface SessionMonitorOptions {
  /**
   * The heading and title of the page.
   *
   * @default {"Sessions"}
   */
  title?: string;
}

/** Milliseconds between two things that are said aloud to a viewer. */
const SAY_EVERY = 5000;

/** Milliseconds after which a viewer hears something in any case. */
const HEAR_EVERY = 10_000;

/** How long what is searched for may be. */
const MAX_SEARCH = 64;

/** The pages fetch nothing from elsewhere and run nothing that is written in them. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * A page with the live sessions of a site, the time that each has left, the
 * requests that it has had in this process ({@linkcode Session.visits}), what
 * ends and why, and a way to end one: for whoever looks after the site.
 *
 * **Put a guard before it**: it shows who is there, and who sees it can end their
 * sessions, for the reason `"revoked"`. It shows uids, which open nothing, and
 * never a token. It neither makes nor touches sessions, those of its viewers
 * either; a {@linkcode SessionGuard} before it does, to remember the login.
 *
 * What the charts show is counted from when it was made, for an hour back. The
 * page is live by server-sent events, which stop with the site, and works
 * without script as well. A session is ended by POST, with a token that is bound
 * to {@linkcode SiteRequest.user} and this run of the program, and only from a
 * page of the same host.
 *
 * It can be left on with many sessions. A page shows 50, and an order 1,000 at
 * most; to list them it looks at 5,000 sessions in one turn of the event loop, at
 * one listing at a time, which all that look for the same share, and keeps it for
 * 2 seconds or 20 times as long as it took, whichever is more. 32 can look on at
 * once. When nobody does, it does nothing but count.
 *
 * Twisted has no such page.
 *
 * @example Usage
 * ```ts
 * import { Guard, passwordCheck, Resource, SessionMonitor, Site } from "@curfew/web";
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
  /** Looking on is no visit. */
  override touchesSession: boolean = false;

  readonly #site: MonitoredSite;
  readonly #title: string;
  readonly #chronicle: SessionChronicle;
  readonly #lister: SessionLister;
  readonly #viewers: MonitorViewers;
  readonly #tokens = new FormTokens();
  readonly #boot = randomId();

  /**
   * Begins to count.
   *
   * @param site Whose sessions it shows.
   * @param options How it is to be.
   * @throws {TypeError} If the title is not a string.
   */
  constructor(site: MonitoredSite, options: SessionMonitorOptions = {}) {
    super();
    const { title = "Sessions" } = options;
    if (typeof title !== "string") {
      throw new TypeError(
        `Cannot make a monitor: the title is not a string: ${describe(title)}`,
      );
    }
    this.#site = site;
    this.#title = title;
    this.#chronicle = new SessionChronicle(site);
    this.#lister = new SessionLister(site.sessions, site.clock);
    this.#viewers = new MonitorViewers(
      site.clock,
      (viewers, isBeat) => void this.#tellAll([...viewers], isBeat),
    );
    // After the chronicle, which knows of the end by then.
    site.notifyOnSessionEnd(() => this.#viewers.noteEnd());
    this.putChild("monitor.css", new Asset(MONITOR_STYLE, "text/css"));
    this.putChild("monitor.js", new Asset(MONITOR_SCRIPT, "text/javascript"));
    this.putChild("icon.svg", new Asset(MONITOR_ICON, "image/svg+xml"));
    this.putChild(
      "events",
      new Events((request) => this.#openEvents(request)),
    );
  }

  /** The page itself, where the path ends with a slash. */
  override getChild(name: string): Resource | undefined {
    return name === "" ? this : undefined;
  }

  /** Answers with the page, or asks whether to end the session of `?end=`. */
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
    const uid = request.query.get("end");
    const session = uid === null ? undefined : this.#site.getSession(uid);
    if (session !== undefined) {
      return confirmPage({ ...common, now: this.#now() }, session);
    }
    const listing = await this.#lister.list(view);
    const now = this.#now();
    const page: MonitorPage = {
      ...common,
      now,
      parts: { ...this.#counted(now), ...this.#listed(view, listing, now) },
      endedUid: this.#endedUid(request),
    };
    return monitorPage(page);
  }

  /** Ends a session, for whoever has the token. */
  override async render_POST(request: SiteRequest): Promise<Rendered> {
    secure(request);
    refuseOtherOrigins(request);
    const form = await request.formData();
    const [token, uid] = [form.get("token"), form.get("uid")].map(String);
    if (!await this.#tokens.isRight(token!, request.user ?? "")) {
      throw new HttpError(
        403,
        "The page is out of date: go back, reload it, and try again",
      );
    }
    const session = this.#site.getSession(uid!);
    if (session !== undefined) this.#site.endSession(session, "revoked");
    return request.redirect(queryOf(viewOf(request), { ended: uid! }), 303);
  }

  #openEvents(request: SiteRequest): Rendered {
    if (this.#viewers.isFull) {
      throw new HttpError(503, "Too many look on already");
    }
    secure(request);
    request.setHeader("content-type", "text/event-stream");
    return this.#viewers.open(viewOf(request), this.#chronicle.endCount);
  }

  /** Sends viewers what is new to them; never rejects. */
  async #tellAll(
    viewers: readonly MonitorViewer[],
    isBeat: boolean,
  ): Promise<void> {
    try {
      // Those who have not taken what they were sent get it later, all at once.
      const ready = viewers.filter(({ isReady }) => isReady);
      const counted = this.#counted(undefined);
      for (const viewer of ready) {
        const listed = isBeat ? await this.#listedFor(viewer.view) : {};
        if (!viewer.isReady) continue;
        this.#tell(viewer, { ...counted, ...listed });
      }
    } catch (error) {
      this.#site.reportError(error, {});
    }
  }

  async #listedFor(view: MonitorView): Promise<Partial<MonitorParts>> {
    return this.#listed(view, await this.#lister.list(view), undefined);
  }

  #tell(viewer: MonitorViewer, parts: Partial<MonitorParts>): void {
    const news = newParts(viewer, parts);
    const { endCount, ends } = this.#chronicle;
    const fresh = endCount - viewer.endCount;
    const now = this.#site.clock.now();
    if (
      fresh === 0 && Object.keys(news).length === 0 &&
      now < viewer.sentAt + HEAR_EVERY
    ) return;
    viewer.endCount = endCount;
    viewer.sentAt = now;
    const ended = fresh === 0 ? [] : ends.slice(-fresh);
    viewer.send({
      boot: this.#boot,
      now: now / 1000,
      parts: news,
      ended: ended.map(({ uid, reason }) => [uid, reason]),
      said: this.#say(viewer, now),
    });
  }

  /** What has ended, in a sentence, not too often; `""` for nothing. */
  #say(viewer: MonitorViewer, now: number): string {
    const { endCount, ends } = this.#chronicle;
    const count = endCount - viewer.saidCount;
    if (count === 0 || now < viewer.saidAt + SAY_EVERY) return "";
    viewer.saidCount = endCount;
    viewer.saidAt = now;
    const reasons = new Map<SessionEndReason, number>();
    for (const { reason } of ends.slice(-count)) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    const what = count === 1
      ? "1 session ended"
      : `${count.toLocaleString("en")} sessions ended`;
    if (count > ends.length) return what;
    return `${what}: ${
      [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ")
    }`;
  }

  /** The parts that are the same for all. */
  #counted(
    now: number | undefined,
  ): Pick<MonitorParts, "figures" | "minutes" | "lateness" | "ends"> {
    const { lateness, ends } = this.#chronicle;
    const minutes = this.#chronicle.minutes();
    return {
      figures: figuresPart(this.#site.sessions.size, minutes, lateness),
      minutes: minutesChart(minutes),
      lateness: latenessTable(lateness),
      ends: endsPart(ends, now),
    };
  }

  /** The parts that depend on what a viewer looks at. */
  #listed(
    view: MonitorView,
    { uids, total }: Listing,
    now: number | undefined,
  ): Pick<MonitorParts, "rows" | "paging"> {
    const first = (view.page - 1) * PAGE_SIZE;
    const sessions = uids.slice(first, first + PAGE_SIZE)
      .map((uid) => this.#site.sessions.get(uid))
      .filter((session) => session !== undefined);
    return {
      rows: rowsPart(sessions, view, now),
      paging: pagingPart(view, total),
    };
  }

  #endedUid(request: SiteRequest): string | undefined {
    const uid = request.query.get("ended");
    return uid !== null && /^[\da-f]{32}$/.test(uid) &&
        !this.#site.sessions.has(uid)
      ? uid
      : undefined;
  }

  #now(): number {
    return this.#site.clock.now() / 1000;
  }
}

/** What belongs to the page: a file that is no visit. */
class Asset extends StaticData {
  override touchesSession: boolean = false;

  constructor(text: string, type: string) {
    super(text, `${type}; charset=utf-8`);
  }
}

/** The events of the page. */
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

  /** No stream is begun, that nobody would read. */
  override render_HEAD(request: SiteRequest): Rendered {
    request.setHeader("content-type", "text/event-stream");
    return "";
  }
}

/** What a viewer was not sent yet; it is taken for sent. */
function newParts(
  viewer: MonitorViewer,
  parts: Partial<MonitorParts>,
): Partial<MonitorParts> {
  const changed = Object.entries(parts).filter(([id, html]) =>
    viewer.sent[id as keyof MonitorParts] !== html
  );
  const news = Object.fromEntries(changed);
  Object.assign(viewer.sent, news);
  return news;
}

/** What a query asks for; what it does not make sense of is the default. */
function viewOf({ query }: SiteRequest): MonitorView {
  const asked = query.get("order");
  const page = Number(query.get("page"));
  const isPage = Number.isInteger(page) && page >= 1 &&
    page <= MAX_LISTED / PAGE_SIZE;
  return {
    order: ORDERS.find((order) => order === asked) ?? "newest",
    search: (query.get("q") ?? "").trim().slice(0, MAX_SEARCH),
    page: isPage ? page : 1,
  };
}

/** What every answer carries: nothing of it is stored, or shown in a frame. */
function secure(request: SiteRequest): void {
  request.setHeader("cache-control", "no-store");
  request.setHeader("content-security-policy", POLICY);
  request.setHeader("referrer-policy", "same-origin");
  request.setHeader("x-content-type-options", "nosniff");
  request.setHeader("x-frame-options", "DENY");
}
