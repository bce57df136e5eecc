import type { Clock } from "../base/clock.ts";

/** The shortest time that a listing is cached, in milliseconds. */
const MIN_AGE = 2000;

/**
 * A listing is cached for at least so many times as long as it took, so that
 * listing takes at most a 20th of the process's time.
 */
const AGE_PER_COST = 20;

/** Sets how long a listing is cached, by the milliseconds that it took. */
export type Keep = (cost: number, least?: number) => void;

/** The latest 32 listings, for viewers who ask for the same within seconds. */
export class ListingCache<T> {
  readonly #clock: Clock;
  /** The listings, with the UNIX milliseconds until which they are used. */
  readonly #cached = new Map<string, { listing: Promise<T>; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns a listing from the cache, or makes one. */
  get(key: string, make: (keep: Keep) => Promise<T>): Promise<T> {
    const before = this.#cached.get(key);
    if (before && this.#clock.now() < before.until) return before.listing;
    const keep: Keep = (cost, least = MIN_AGE) => {
      cached.until = this.#clock.now() + Math.max(least, cost * AGE_PER_COST);
    };
    const cached = { listing: make(keep), until: Infinity };
    // Moves the key to the end: the map begins with the oldest listing.
    this.#cached.delete(key);
    this.#cached.set(key, cached);
    const [oldest] = this.#cached.keys();
    if (this.#cached.size > 32) this.#cached.delete(oldest!);
    return cached.listing;
  }

  /** Drops a listing, so that it is made again. */
  delete(key: string): void {
    this.#cached.delete(key);
  }
}
