import { MOVED, NOTHING, TimingWheel } from "./timing_wheel.ts";

/** An item of an {@linkcode IdleOrder}. */
export interface Idler {
  /** UNIX seconds of the last access. */
  readonly lastModified: number;
  /** The owner; anonymous items, which have none, are taken first. */
  readonly principal: string | undefined;
  /** False once the item is gone. */
  readonly isActive: boolean;
}

/**
 * The most steps of one taking, at 50 to 100 ns each: the caller waits less than
 * a millisecond. The steps suffice to find the item that is idle longest, unless
 * thousands of items were accessed since the last taking.
 */
const MAX_STEPS = 8192;

/** Items to compare after {@linkcode MAX_STEPS}: one of the longest idle is taken. */
const SAMPLE = 64;

/** Milliseconds that sort an item in use after all others. */
const AFTER_ALL = 2 ** 52;

/** The options of an {@linkcode IdleOrder}. */
export interface IdleOrderOptions<T> {
  /**
   * UNIX milliseconds before the first access of any item. A later value saves
   * steps.
   *
   * @default {0}
   */
  since?: number;
  /**
   * Returns whether an item is in use, which counts as access.
   *
   * @default {() => false}
   */
  isHeld?: (item: T) => boolean;
}

/**
 * Finds the item that has been idle longest; anonymous items go first.
 *
 * An access costs nothing here. An entry stands at the last access that its item
 * had when it was added. When the entry comes up, it moves to the item's current
 * last access, once for all accesses in between. If that takes too many steps,
 * an item among the longest idle is taken.
 */
export class IdleOrder<T extends Idler> {
  readonly #anonymous = new TimingWheel<T>();
  readonly #owned = new TimingWheel<T>();
  readonly #isHeld: (item: T) => boolean;

  /** Makes an empty order. */
  constructor(options: IdleOrderOptions<T> = {}) {
    const { since = 0, isHeld = () => false } = options;
    this.#isHeld = isHeld;
    this.#anonymous.turnTo(since);
    this.#owned.turnTo(since);
  }

  /** The number of entries, including those whose items are gone. */
  get size(): number {
    return this.#anonymous.size + this.#owned.size;
  }

  /** Adds an item. Add it again after it has gained or lost its principal. */
  add(item: T): void {
    const wheel = item.principal === undefined ? this.#anonymous : this.#owned;
    wheel.place(wheel.add(item, item.lastModified * 1000), Infinity);
  }

  /**
   * Removes the item that has been idle longest, and returns it.
   *
   * @param now UNIX milliseconds.
   * @param findFirst Finds the item that goes before the other ones with an owner;
   * it is not removed.
   */
  takeLongestIdle(
    now: number,
    findFirst: () => T | undefined = () => undefined,
  ): T | undefined {
    return this.#take(this.#anonymous, now) ?? findFirst() ??
      this.#take(this.#owned, now);
  }

  #take(wheel: TimingWheel<T>, now: number): T | undefined {
    let firstHeld = NOTHING;
    for (let step = 0; step < MAX_STEPS; step++) {
      wheel.startTurn();
      const entry = wheel.step(Infinity);
      if (entry === NOTHING) return undefined;
      if (entry === MOVED) continue;
      const item = wheel.itemAt(entry)!;
      if (!this.#isCurrent(wheel, item)) {
        wheel.remove(entry);
        continue;
      }
      const accessed = item.lastModified * 1000;
      if (accessed > wheel.dueOf(entry)) {
        wheel.setDue(entry, accessed);
      } else if (this.#isHeld(item)) {
        wheel.setDue(entry, Math.max(now, wheel.dueOf(entry)));
        if (entry === firstHeld) step = MAX_STEPS;
        if (firstHeld === NOTHING) firstHeld = entry;
      } else {
        wheel.remove(entry);
        return item;
      }
      wheel.place(entry, Infinity);
    }
    return this.#sample(wheel);
  }

  /** Takes the longest idle of some entries that are early in the order. */
  #sample(wheel: TimingWheel<T>): T | undefined {
    let best = NOTHING;
    let bestAccess = Infinity;
    let compared = 0;
    for (const entry of firstEntries(wheel, MAX_STEPS)) {
      const item = wheel.itemAt(entry)!;
      if (!this.#isCurrent(wheel, item)) {
        wheel.remove(entry);
        continue;
      }
      let accessed = item.lastModified * 1000;
      if (this.#isHeld(item)) accessed += AFTER_ALL;
      if (accessed < bestAccess) {
        best = entry;
        bestAccess = accessed;
      }
      if (++compared === SAMPLE) break;
    }
    if (best === NOTHING) return undefined;
    const item = wheel.itemAt(best);
    wheel.remove(best);
    return item;
  }

  /** Returns whether an entry is in the wheel where its live item belongs. */
  #isCurrent(wheel: TimingWheel<T>, item: T): boolean {
    return item.isActive &&
      (wheel === this.#anonymous) === (item.principal === undefined);
  }
}

/** Yields up to `count` entries of the first lists. The caller may remove each. */
function* firstEntries(
  wheel: TimingWheel<unknown>,
  count: number,
): Generator<number> {
  for (let left = count; left > 0;) {
    const head = wheel.firstList();
    let entry = wheel.after(head);
    if (entry === head) return;
    while (entry !== head && left-- > 0) {
      const next = wheel.after(entry);
      yield entry;
      entry = next;
    }
    // The caller kept some entries of this list: do not yield them twice.
    if (wheel.after(head) !== head) return;
  }
}
