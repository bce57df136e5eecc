import type { Clock } from "../base/clock.ts";
import { IdleOrder, type Idler } from "../timing/idle_order.ts";

/** The default of `maxSessions`. */
export const MAX_SESSIONS = 2_000_000;

/** A session that can be evicted. */
export interface Evictable extends Idler {
  /** Its key among all sessions. */
  readonly uid: string;
  /** The time of its creation, in UNIX seconds. */
  readonly createdAt: number;
}

/** The options of an {@linkcode Eviction}. */
export interface EvictionOptions<T> {
  /** The largest number of sessions. */
  readonly max: number;
  /**
   * Returns whether a session is in use. Such a session is evicted only if all are
   * in use.
   */
  readonly isHeld: (item: T) => boolean;
  /**
   * Finds a session of a principal with very many sessions; it goes before those of
   * others.
   */
  readonly findInCrowd: () => T | undefined;
  /** Ends a session; must not throw. */
  readonly evict: (item: T) => void;
  /** The source of the time. */
  readonly clock: Clock;
}

/** The order is built when this share of the limit is reached. */
const FULL_SOON = 0.9;

/**
 * How many sessions are entered for each new one. The order must be complete before
 * the last tenth of the limit is used; 9 would suffice for that.
 */
const SLICE = 16;

/** The order is built again when it has more entries per session than this. */
const MAX_WASTE = 1.5;

/**
 * Chooses the session to end when there are as many as the limit allows.
 *
 * The order of idle sessions is built shortly before it is needed, a few entries
 * for each new session, so that no request waits for the whole order. When too many
 * of its entries are out of date, a new order is built while the old one is in use.
 */
export class Eviction<T extends Evictable> {
  readonly #all: ReadonlyMap<string, T>;
  readonly #options: EvictionOptions<T>;
  #order: IdleOrder<T> | undefined = undefined;
  /** The order that is being built. */
  #next: IdleOrder<T> | undefined = undefined;
  /**
   * The sessions that are not entered yet, and how many sessions there were at
   * first.
   */
  #rest: Iterator<T> | undefined = undefined;
  #restSize = 0;
  #isMakingRoom = false;

  /**
   * @param all All sessions, the oldest first.
   * @param options The limit, and the function that ends a session.
   */
  constructor(all: ReadonlyMap<string, T>, options: EvictionOptions<T>) {
    this.#all = all;
    this.#options = options;
  }

  /** Enters a session that is new, or whose principal has changed. */
  note(item: T): void {
    this.#order?.add(item);
    this.#next?.add(item);
  }

  /**
   * Evicts a session if there is no room for another.
   *
   * @throws {Error} If a callback of an eviction makes a session that needs the
   * room of that eviction. Otherwise the evictions would never end.
   */
  makeRoom(): void {
    if (this.#isMakingRoom) {
      if (this.#all.size < this.#options.max - 1) return;
      throw new Error(
        "Cannot make a session: the site is full, and room is being made for another",
      );
    }
    const item = this.#take();
    if (item === undefined) return;
    this.#isMakingRoom = true;
    this.#options.evict(item);
    this.#isMakingRoom = false;
  }

  /** Returns the session to evict, if there is no room for another. */
  #take(): T | undefined {
    const { size } = this.#all;
    const { clock, max } = this.#options;
    if (size < max * FULL_SOON && size < max) {
      // Not needed for a while.
      if (size < max / 2) this.#order = this.#next = this.#rest = undefined;
      if (this.#order === undefined) return undefined;
    }
    this.#prepare(size);
    if (size < max) return undefined;
    if (this.#order === undefined) this.#enter(Infinity);
    const longestIdle = this.#takeLongestIdle(clock.now());
    // If the order has none, the oldest session goes.
    return longestIdle ?? this.#all.values().next().value;
  }

  #takeLongestIdle(now: number): T | undefined {
    const { findInCrowd } = this.#options;
    for (;;) {
      const item = this.#order?.takeLongestIdle(now, findInCrowd);
      // A session that went because its principal has many may still be in the order.
      if (item === undefined || this.#all.get(item.uid) === item) return item;
    }
  }

  #prepare(size: number): void {
    if (this.#next !== undefined) return this.#enter(SLICE);
    if (this.#order !== undefined && this.#order.size <= size * MAX_WASTE) {
      return;
    }
    const [first] = this.#all.values();
    this.#next = new IdleOrder({
      since: (first?.createdAt ?? 0) * 1000,
      isHeld: this.#options.isHeld,
    });
    this.#rest = this.#all.values();
    this.#restSize = size;
    this.#enter(SLICE);
  }

  /**
   * Enters some of the sessions that are not entered yet. New sessions enter by
   * themselves.
   */
  #enter(count: number): void {
    for (let i = 0; i < count; i++) {
      const next = this.#rest?.next();
      if (next === undefined || next.done || this.#restSize-- === 0) {
        this.#order = this.#next ?? this.#order;
        this.#next = this.#rest = undefined;
        return;
      }
      this.#next!.add(next.value);
    }
  }
}
