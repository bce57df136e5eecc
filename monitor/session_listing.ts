import type { Clock } from "../base/clock.ts";
import type { Session } from "../session.ts";
import { type Keep, ListingCache } from "./listing_cache.ts";

/** The orders of a listing. */
export const ORDERS = ["newest", "oldest", "soonest", "busiest"] as const;

/** The order of a listing: by creation, by deadline, or by requests. */
export type Order = typeof ORDERS[number];

/** The sessions to list. */
export interface ListingQuery {
  readonly order: Order;
  /** The beginning of the uid or of the principal; `""` lists all sessions. */
  readonly search: string;
}

/** The first sessions of an order. */
export interface Listing {
  /** Their uids. Some sessions may have ended since. */
  readonly uids: readonly string[];
  /** The number of all sessions that matched. */
  readonly total: number;
}

/** The most sessions in a listing; viewers find the others by a search. */
export const MAX_LISTED = 1000;

/** Sessions to examine in one turn of the event loop: about 1 ms. */
const SLICE = 5000;

/** Lists the sessions of a site, in slices, so that requests need not wait. */
export class SessionListing {
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #clock: Clock;
  readonly #cache: ListingCache<Listing>;
  /** The last listing: listings are made one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param clock Measures the age of a listing, and sets the timer of a slice. */
  constructor(sessions: ReadonlyMap<string, Session>, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
    this.#cache = new ListingCache(clock);
  }

  /** Returns a listing from the cache, or makes one. */
  list(query: ListingQuery): Promise<Listing> {
    const key = `${query.order} ${query.search}`;
    return this.#cache.get(key, (keep) => {
      const listing = this.#last.then(() => this.#make(query, keep));
      this.#last = listing.catch(() => this.#cache.delete(key));
      return listing;
    });
  }

  async #make(query: ListingQuery, keep: Keep): Promise<Listing> {
    const selection = selectionOf(query.order);
    const matches = matcherOf(query.search);
    // Sessions that are made meanwhile could keep the loop going forever.
    const { size } = this.#sessions;
    let examined = 0;
    let total = 0;
    let took = 0;
    let since = performance.now();
    for (const session of this.#sessions.values()) {
      if (examined === size) break;
      if (++examined % SLICE === 0) {
        took += performance.now() - since;
        await new Promise<void>((resolve) => {
          this.#clock.setTimeout(resolve, 0);
        });
        since = performance.now();
      }
      if (!session.isActive || !matches(session)) continue;
      total++;
      selection.add(session);
    }
    took += performance.now() - since;
    keep(took);
    return { uids: selection.uids(), total };
  }
}

/** Returns a function that tests whether a session matches a search. */
function matcherOf(search: string): (session: Session) => boolean {
  if (search === "") return () => true;
  const start = search.toLowerCase();
  return ({ uid, principal }) =>
    uid.startsWith(start) ||
    principal?.slice(0, start.length).toLowerCase() === start;
}

/** Receives sessions in the order of their creation, and selects the first. */
interface Selection {
  add(session: Session): void;
  uids(): string[];
}

function selectionOf(order: Order): Selection {
  switch (order) {
    case "oldest":
      return new Oldest();
    case "newest":
      return new Newest();
    case "soonest":
      return new Least(({ expiresAt }) => expiresAt);
    case "busiest":
      return new Least(({ visits }) => -visits);
  }
}

class Oldest implements Selection {
  readonly #uids: string[] = [];

  add({ uid }: Session): void {
    if (this.#uids.length < MAX_LISTED) this.#uids.push(uid);
  }

  uids(): string[] {
    return this.#uids;
  }
}

class Newest implements Selection {
  /** A ring of the last {@linkcode MAX_LISTED}. */
  readonly #uids: string[] = [];
  #count = 0;

  add({ uid }: Session): void {
    this.#uids[this.#count++ % MAX_LISTED] = uid;
  }

  uids(): string[] {
    const next = this.#count % MAX_LISTED;
    return [...this.#uids.slice(next), ...this.#uids.slice(0, next)].reverse();
  }
}

/** Selects the sessions with the least measure; of equals, the oldest. */
class Least implements Selection {
  readonly #measure: (session: Session) => number;
  readonly #entries: { uid: string; size: number }[] = [];
  /** The largest measure selected, once there are enough; Infinity before. */
  #most = Infinity;

  constructor(measure: (session: Session) => number) {
    this.#measure = measure;
  }

  add(session: Session): void {
    const size = this.#measure(session);
    if (this.#entries.length >= MAX_LISTED && size >= this.#most) return;
    this.#entries.push({ uid: session.uid, size });
    if (this.#entries.length >= 2 * MAX_LISTED) this.#cut();
  }

  uids(): string[] {
    this.#cut();
    return this.#entries.map(({ uid }) => uid);
  }

  #cut(): void {
    this.#entries.sort((one, other) => compare(one.size, other.size));
    if (this.#entries.length <= MAX_LISTED) return;
    this.#entries.length = MAX_LISTED;
    this.#most = this.#entries.at(-1)!.size;
  }
}

/** Compares two numbers. A difference would be NaN for two Infinities. */
function compare(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
