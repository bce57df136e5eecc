import type { SessionInfo } from "../registry/session_backend.ts";
import type { Session } from "../session.ts";
import { type Keep, ListingCache } from "./listing_cache.ts";
import type { MonitoredSite } from "./monitored_site.ts";

/** The sessions of a principal, a moment ago. */
export interface PrincipalSessions {
  readonly infos: readonly SessionInfo[];
  /** Whether the store has failed, so that other processes are missing. */
  readonly isPartial: boolean;
}

/** The time that a failed listing is cached, in milliseconds. */
const FAILED_AGE = 10_000;

/** Lists the sessions of principals in all processes, and caches the lists. */
export class PrincipalListing {
  readonly #site: MonitoredSite;
  readonly #cache: ListingCache<PrincipalSessions>;

  constructor(site: MonitoredSite) {
    this.#site = site;
    this.#cache = new ListingCache(site.clock);
  }

  /** Returns a list from the cache, or makes one; never rejects. */
  list(principal: string): Promise<PrincipalSessions> {
    return this.#cache.get(principal, (keep) => this.#make(principal, keep));
  }

  /** Drops a list whose sessions have been ended, so that it is made again. */
  forget(principal: string): void {
    this.#cache.delete(principal);
  }

  async #make(principal: string, keep: Keep): Promise<PrincipalSessions> {
    const since = performance.now();
    try {
      const infos = await this.#site.sessions.list(principal);
      keep(performance.now() - since);
      return { infos, isPartial: false };
    } catch (error) {
      this.#site.reportError(error, {});
      keep(0, FAILED_AGE);
      const infos = this.#site.sessions.sessionsOf(principal).map(infoOf);
      return { infos, isPartial: true };
    }
  }
}

function infoOf(session: Session): SessionInfo {
  const { uid, createdAt, authenticatedAt, lastModified, expiresAt } = session;
  return {
    uid,
    createdAt,
    authenticatedAt,
    lastModified,
    expiresAt,
    description: undefined,
  };
}
