import type { Clock } from "../base/clock.ts";
import { IdleOrder, type Idler } from "../timing/idle_order.ts";

/** What may have to go. */
export interface Evictable extends Idler {
  /** When it was made, in UNIX seconds. */
  readonly createdAt: number;
}

/** How an {@linkcode Eviction} is to be. */
export interface EvictionOptions<T> {
  /** How many there may be. */
  readonly max: number;
  /** Whether one is in use, and goes later. */
  readonly isHeld: (item: T) => boolean;
  /** Has one go; must not throw. */
  readonly evict: (item: T) => void;
  /** Where the time comes from. */
  readonly clock: Clock;
}

/** How full it is when the order is begun. */
const FULL_SOON = 0.9;

/**
 * How many are entered for each new one. The order of all is to be there when
 * the last tenth is full, for which 9 would do.
 */
const SLICE = 16;

/** How many times as many entries as items an order may have: then it is remade. */
const MAX_WASTE = 1.5;

/**
 * Who has to go when there are as many as there may be.
 *
 * The order of the idle is made when it will be needed soon, a few entries for
 * each new item, so that none of them has to wait for all; likewise when too many
 * of its entries are gone, while the old one is still in use.
 */
export class Eviction<T extends Evictable> {
  readonly #all: ReadonlyMap<string, T>;
  readonly #options: EvictionOptions<T>;
  #order: IdleOrder<T> | undefined = undefined;
  /** The order that is being made. */
  #next: IdleOrder<T> | undefined = undefined;
  /** Those that are still to be entered, and how many there were at first. */
  #rest: Iterator<T> | undefined = undefined;
  #restSize = 0;
  #isMakingRoom = false;

  /**
   * @param all All that there are, the first made first.
   * @param options How it is to be.
   */
  constructor(all: ReadonlyMap<string, T>, options: EvictionOptions<T>) {
    this.#all = all;
    this.#options = options;
  }

  /** Notes one that is new, or that is somebody's or nobody's from now on. */
  note(item: T): void {
    this.#order?.add(item);
    this.#next?.add(item);
  }

  /**
   * Has one go if there is no room for another.
   *
   * @throws {Error} If it is called by who is told of one that goes, and there is
   * room for no more than the one that makes room: it would go round for ever.
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

  /** The one to go, if there is no room for another. */
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
    const longestIdle = this.#order?.takeLongestIdle(clock.now());
    // Where there is none near, the one that was made first.
    return longestIdle ?? this.#all.values().next().value;
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

  /** Enters some of those that are left; what was made since is in already. */
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
