import { isPromiseLike } from "../base/promises.ts";
import { loadLaterCode } from "./load_later.ts";
import type {
  Evictable,
  EvictionOptions,
  EvictionOrder,
} from "./eviction_order.ts";

/** The default of `maxSessions`. */
export const MAX_SESSIONS = 2_000_000;

/**
 * The most sessions that are compared at each eviction, which takes up to 0.1 ms.
 * With more, an order is kept.
 */
const FEW = 1000;

/** The order is built when this share of the limit is reached. */
const FULL_SOON = 0.9;

/**
 * Chooses the session to end when there are as many as the limit allows.
 *
 * Few sessions are compared when one has to go. For many, an order of idle sessions
 * is built shortly before the limit is reached.
 */
export class Eviction<T extends Evictable> {
  readonly #all: ReadonlyMap<string, T>;
  readonly #options: EvictionOptions<T>;
  #order: EvictionOrder<T> | undefined = undefined;
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
    this.#order?.note(item);
  }

  /**
   * Evicts a session if there is no room for another.
   *
   * @throws {Error} If a callback of an eviction makes a session that needs the
   * room of that eviction. Otherwise the evictions would never end.
   */
  makeRoom(): void {
    const { size } = this.#all;
    const { max, evict } = this.#options;
    if (this.#isMakingRoom) {
      if (size < max - 1) return;
      throw new Error(
        "Cannot make a session: the site is full, and room is being made for another",
      );
    }
    // An order is not needed for a while.
    if (size < max / 2) this.#order = undefined;
    if (size >= max * FULL_SOON && max > FEW) this.#openOrder();
    this.#order?.prepare();
    if (size < max) return;
    const item = this.#order?.take() ?? this.#findLongestIdle();
    if (item === undefined) return;
    this.#isMakingRoom = true;
    evict(item);
    this.#isMakingRoom = false;
  }

  #openOrder(): void {
    if (this.#order !== undefined) return;
    const module = loadLaterCode();
    if (!isPromiseLike(module)) {
      this.#order = new module.EvictionOrder(this.#all, this.#options);
    } else {
      // If it cannot be loaded, the next session tries again.
      module.catch(() => {});
    }
  }

  /**
   * Compares all sessions: anonymous ones go first, then those of a principal with
   * very many sessions.
   */
  #findLongestIdle(): T | undefined {
    const { findInCrowd, isHeld } = this.#options;
    let anonymous: T | undefined;
    let owned: T | undefined;
    for (const item of this.#all.values()) {
      if (item.principal === undefined) {
        if (goesBefore(item, anonymous, isHeld)) anonymous = item;
      } else if (goesBefore(item, owned, isHeld)) owned = item;
    }
    return anonymous ?? findInCrowd() ?? owned;
  }
}

/** Returns whether a session is evicted before another, if there is another. */
export function goesBefore<T extends Pick<Evictable, "lastModified">>(
  item: T,
  other: T | undefined,
  isHeld: (item: T) => boolean,
): boolean {
  if (other === undefined) return true;
  const isItemHeld = isHeld(item);
  return isItemHeld === isHeld(other)
    ? item.lastModified < other.lastModified
    : !isItemHeld;
}
