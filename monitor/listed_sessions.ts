import type { Session } from "../session.ts";
import type { MonitoredSite } from "./monitored_site.ts";
import { type MonitorView, PAGE_SIZE } from "./monitor_view.ts";
import type { SessionHistory } from "./session_history.ts";
import { PrincipalListing } from "./principal_listing.ts";
import { MAX_LISTED, type Order, SessionListing } from "./session_listing.ts";

/** A session in the table. A live `Session` is one. */
export interface ListedSession {
  readonly uid: string;
  readonly principal: string | undefined;
  /** UNIX seconds. */
  readonly createdAt: number;
  /** UNIX seconds. */
  readonly lastModified: number;
  /** UNIX seconds. */
  readonly expiresAt: number;
  /** Requests in this process; undefined if the session is in another one only. */
  readonly visits: number | undefined;
  /** The text of the option `describe`, where it is known. */
  readonly description?: string | undefined;
}

/** One page of the sessions of a view. */
export interface ListedPage {
  readonly sessions: readonly ListedSession[];
  /** The number of all sessions that match. */
  readonly total: number;
  /** Whether the store has failed, so that other processes are missing. */
  readonly isPartial: boolean;
  /** Whether there is a store, so that there may be other processes. */
  readonly hasStore: boolean;
  /** Whether a session has begun or ended since the monitor was made. */
  readonly hasBegun: boolean;
}

/** Lists the sessions of a view: those of this process, or of one principal in all. */
export class ListedSessions {
  readonly #site: MonitoredSite;
  readonly #here: SessionListing;
  readonly #principals: PrincipalListing;
  readonly #history: SessionHistory;

  constructor(site: MonitoredSite, history: SessionHistory) {
    this.#site = site;
    this.#history = history;
    this.#here = new SessionListing(site.sessions, site.clock);
    this.#principals = new PrincipalListing(site);
  }

  /** Whether the site has a store. */
  get hasStore(): boolean {
    return this.#site.storedEnds !== undefined;
  }

  /** Returns a page of live sessions. */
  async list(view: MonitorView): Promise<ListedPage> {
    const { principal, page } = view;
    if (principal !== undefined) return await this.#listOf(principal, view);
    const { uids, total } = await this.#here.list(view);
    // Some of the first sessions may have ended since: others take their place.
    const live = uids.map((uid) => this.#site.sessions.get(uid))
      .filter((session) => session !== undefined);
    // A touch moves a deadline, and the list is up to some seconds old.
    if (view.order === "soonest") live.sort(COMPARISONS.soonest);
    return {
      sessions: pageOf(live, page),
      total: total - (uids.length - live.length),
      isPartial: false,
      ...this.#state(),
    };
  }

  /** Finds a session of a view by its uid. */
  async find(
    uid: string,
    { principal }: MonitorView,
  ): Promise<ListedSession | undefined> {
    const session = this.#site.getSession(uid);
    if (session !== undefined || principal === undefined) return session;
    const { infos } = await this.#principals.list(principal);
    const info = infos.find((info) => info.uid === uid);
    return info && { ...info, principal, visits: undefined };
  }

  /** Drops the list of a principal's sessions, so that it is made again. */
  forget(principal: string): void {
    this.#principals.forget(principal);
  }

  async #listOf(
    principal: string,
    { order, page }: MonitorView,
  ): Promise<ListedPage> {
    const { infos, isPartial } = await this.#principals.list(principal);
    const now = this.#site.clock.now() / 1000;
    // The list is up to some seconds old.
    const ended = new Set(this.#history.ends.map(({ uid }) => uid));
    const sessions = infos
      .map((info): ListedSession => {
        const { uid, description } = info;
        const session = this.#site.sessions.get(uid);
        return session === undefined
          ? { ...info, principal, visits: undefined }
          : { ...factsOf(session), description };
      })
      .filter((session) =>
        session.principal === principal && session.expiresAt > now &&
        !ended.has(session.uid)
      )
      .sort(COMPARISONS[order]);
    return {
      sessions: pageOf(sessions.slice(0, MAX_LISTED), page),
      total: sessions.length,
      isPartial,
      ...this.#state(),
    };
  }

  #state(): Pick<ListedPage, "hasStore" | "hasBegun"> {
    return { hasStore: this.hasStore, hasBegun: this.#history.hasBegun };
  }
}

type Comparison = (one: ListedSession, other: ListedSession) => number;

const COMPARISONS: Readonly<Record<Order, Comparison>> = {
  newest: (one, other) => other.createdAt - one.createdAt,
  oldest: (one, other) => one.createdAt - other.createdAt,
  // A difference would be NaN for two Infinities.
  soonest: ({ expiresAt: one }, { expiresAt: other }) =>
    one < other ? -1 : one > other ? 1 : 0,
  busiest: (one, other) => (other.visits ?? -1) - (one.visits ?? -1),
};

function factsOf(session: Session): ListedSession {
  const { uid, principal, createdAt, lastModified, expiresAt, visits } =
    session;
  return { uid, principal, createdAt, lastModified, expiresAt, visits };
}

function pageOf<T>(sessions: readonly T[], page: number): T[] {
  return sessions.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE);
}
