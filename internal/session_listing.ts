import type { Session } from "../session.ts";
import type { Clock } from "./clock.ts";

/** The orders in which sessions can be listed. */
export const ORDERS = ["newest", "oldest", "soonest", "busiest"] as const;

/** By when they were made, by when they will end, or by their visits. */
export type Order = typeof ORDERS[number];

/** What sessions somebody wants to see. */
export interface ListingQuery {
  readonly order: Order;
  /** How the uid or the principal begins; `""` for all. */
  readonly search: string;
}

/** The first sessions of an order. */
export interface Listing {
  /** Their uids; some may have ended meanwhile. */
  readonly uids: readonly string[];
  /** How many there were in all. */
  readonly total: number;
}

/** How many sessions are listed: the rest has to be searched for. */
export const MAX_LISTED = 1000;

/** How many sessions are looked at in one turn of the event loop: about 1 ms. */
const SLICE = 5000;

/** Milliseconds that a listing is shown before it is made anew. */
const KEEP = 2000;

/** As many times as long as the making took: looking costs a 20th of the time. */
const KEEP_TIMES = 20;

/** How many listings are kept. */
const MAX_KEPT = 32;

interface KeptListing {
  readonly listing: Promise<Listing>;
  /** UNIX milliseconds; Infinity while it is being made. */
  until: number;
}

/** Lists the sessions of a site, however many there are, without stopping it. */
export class SessionLister {
  readonly #sessions: ReadonlyMap<string, Session>;
  readonly #clock: Clock;
  readonly #kept = new Map<string, KeptListing>();
  /** One listing is made after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** The clock says how long a listing is kept, and makes the breaks. */
  constructor(sessions: ReadonlyMap<string, Session>, clock: Clock) {
    this.#sessions = sessions;
    this.#clock = clock;
  }

  /** A listing that is not old; whoever asks for the same gets the same. */
  list(query: ListingQuery): Promise<Listing> {
    const key = `${query.order} ${query.search}`;
    const before = this.#kept.get(key);
    if (before !== undefined && this.#clock.now() < before.until) {
      return before.listing;
    }
    const listing = this.#last.then(() => this.#make(query, kept));
    const kept: KeptListing = { listing, until: Infinity };
    this.#last = listing.catch(() => this.#kept.delete(key));
    // The latest is last, and the first has to go.
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size > MAX_KEPT) {
      this.#kept.delete(this.#kept.keys().next().value!);
    }
    return listing;
  }

  async #make(query: ListingQuery, kept: KeptListing): Promise<Listing> {
    const selection = selectionOf(query.order);
    const matches = matcherOf(query.search);
    // Those that are made meanwhile could go on for ever.
    const { size } = this.#sessions;
    let looked = 0;
    let total = 0;
    let took = 0;
    let since = performance.now();
    for (const session of this.#sessions.values()) {
      if (looked === size) break;
      if (++looked % SLICE === 0) {
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
    kept.until = this.#clock.now() + Math.max(KEEP, took * KEEP_TIMES);
    return { uids: selection.uids(), total };
  }
}

/** Whether a session is searched for. */
function matcherOf(search: string): (session: Session) => boolean {
  if (search === "") return () => true;
  const start = search.toLowerCase();
  return ({ uid, principal }) =>
    uid.startsWith(start) ||
    principal?.slice(0, start.length).toLowerCase() === start;
}

interface Selection {
  add(session: Session): void;
  uids(): string[];
}

/** What takes sessions as they were made, and knows the first of an order. */
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
  /** A ring. */
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

/** Those with the least of something; of equals, those made first. */
class Least implements Selection {
  readonly #measure: (session: Session) => number;
  readonly #entries: { uid: string; size: number }[] = [];
  /** Once there are enough: what is no less is not among them. */
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

/** Of two numbers, which may both be Infinity. */
function compare(one: number, other: number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
