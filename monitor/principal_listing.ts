import type { SessionInfo } from "../registry/session_backend.ts";
import type { Session } from "../session.ts";
import type { MonitoredSite } from "./monitored_site.ts";

/** The sessions of a principal, a moment ago. */
export interface PrincipalSessions {
  readonly infos: readonly SessionInfo[];
  /** Whether the store has failed, so that other processes are missing. */
  readonly isPartial: boolean;
}

/** The shortest time that a listing is cached, in milliseconds. */
const MIN_AGE = 2000;

/** The time that a failed listing is cached, in milliseconds. */
const FAILED_AGE = 10_000;

/** A listing is cached for at least so many times as long as it took. */
const AGE_PER_COST = 20;

/** The most listings in the cache. */
const MAX_CACHED = 32;

interface CachedSessions {
  readonly listing: Promise<PrincipalSessions>;
  /** UNIX milliseconds until which it is used; Infinity while it is made. */
  until: number;
}

/** Lists the sessions of principals in all processes, and caches the lists. */
export class PrincipalListing {
  readonly #site: MonitoredSite;
  readonly #cached = new Map<string, CachedSessions>();

  constructor(site: MonitoredSite) {
    this.#site = site;
  }

  /** Returns a list from the cache, or makes one; never rejects. */
  list(principal: string): Promise<PrincipalSessions> {
    const before = this.#cached.get(principal);
    if (before !== undefined && this.#site.clock.now() < before.until) {
      return before.listing;
    }
    const cached: CachedSessions = {
      listing: this.#make(principal, (age) => {
        cached.until = this.#site.clock.now() + age;
      }),
      until: Infinity,
    };
    // Moves the key to the end: the map begins with the oldest list.
    this.#cached.delete(principal);
    this.#cached.set(principal, cached);
    if (this.#cached.size > MAX_CACHED) {
      this.#cached.delete(this.#cached.keys().next().value!);
    }
    return cached.listing;
  }

  /** Drops a list whose sessions have been ended, so that it is made again. */
  forget(principal: string): void {
    this.#cached.delete(principal);
  }

  async #make(
    principal: string,
    keepFor: (age: number) => void,
  ): Promise<PrincipalSessions> {
    const since = performance.now();
    try {
      const infos = await this.#site.sessions.list(principal);
      const cost = performance.now() - since;
      keepFor(Math.max(MIN_AGE, cost * AGE_PER_COST));
      return { infos, isPartial: false };
    } catch (error) {
      this.#site.reportError(error, {});
      keepFor(FAILED_AGE);
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
