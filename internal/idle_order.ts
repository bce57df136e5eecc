import { MOVED, NOTHING, TimingWheel } from "./timing_wheel.ts";

/** What is put in order of its last access. */
export interface Idler {
  /** UNIX seconds of its last access. */
  readonly lastModified: number;
  /** Whose it is; those that are nobody's go first. */
  readonly principal: string | undefined;
  /** Whether it is still there. */
  readonly isActive: boolean;
}

/**
 * How many steps a taking may need, at 50 to 100 ns: a millisecond is not felt by
 * whoever waits for it. It is enough to find the very one unless thousands have
 * been accessed since the last taking, or come near at the same time.
 */
const MAX_STEPS = 8192;

/** How many are looked at where the very one is too far: one among the oldest. */
const SAMPLE = 64;

/** Milliseconds that put what is in use after all that is not. */
const AFTER_ALL = 2 ** 52;

/** How an {@linkcode IdleOrder} is to be. */
export interface IdleOrderOptions<T> {
  /**
   * UNIX milliseconds before which nothing was accessed; the nearer, the less
   * there is to do.
   *
   * @default {0}
   */
  since?: number;
  /**
   * Whether an item is in use, which counts as access.
   *
   * @default {no}
   */
  isHeld?: (item: T) => boolean;
}

/**
 * Finds which of many has been idle longest, those of nobody before those of a
 * principal.
 *
 * An access tells nothing here: an entry stands where its last access was when
 * it was entered, and one that comes up finds its new place first. Each is so
 * moved once for all its accesses since, and nothing is paid for them. Where that
 * would be too much at once, one is taken that is among the longest idle.
 */
export class IdleOrder<T extends Idler> {
  readonly #nobodys = new TimingWheel<T>();
  readonly #principals = new TimingWheel<T>();
  readonly #isHeld: (item: T) => boolean;

  /** @param options How it is to be. */
  constructor(options: IdleOrderOptions<T> = {}) {
    const { since = 0, isHeld = () => false } = options;
    this.#isHeld = isHeld;
    this.#nobodys.turnTo(since);
    this.#principals.turnTo(since);
  }

  /** How many entries there are, those that are gone included. */
  get size(): number {
    return this.#nobodys.size + this.#principals.size;
  }

  /** Enters an item; one that changes to or from a principal, once more. */
  add(item: T): void {
    const wheel = item.principal === undefined
      ? this.#nobodys
      : this.#principals;
    wheel.place(wheel.add(item, item.lastModified * 1000), Infinity);
  }

  /**
   * Takes the item out that has been idle longest.
   *
   * @param now UNIX milliseconds.
   */
  takeLongestIdle(now: number): T | undefined {
    return this.#take(this.#nobodys, now) ?? this.#take(this.#principals, now);
  }

  #take(wheel: TimingWheel<T>, now: number): T | undefined {
    let firstHeld = NOTHING;
    for (let step = 0; step < MAX_STEPS; step++) {
      wheel.startTurn();
      const row = wheel.step(Infinity);
      if (row === NOTHING) return undefined;
      if (row === MOVED) continue;
      const item = wheel.itemAt(row)!;
      if (!this.#isIn(wheel, item)) {
        wheel.remove(row);
        continue;
      }
      const accessed = item.lastModified * 1000;
      if (accessed > wheel.dueOf(row)) {
        wheel.note(row, accessed);
      } else if (this.#isHeld(item)) {
        wheel.note(row, Math.max(now, wheel.dueOf(row)));
        if (row === firstHeld) step = MAX_STEPS;
        if (firstHeld === NOTHING) firstHeld = row;
      } else {
        wheel.remove(row);
        return item;
      }
      wheel.place(row, Infinity);
    }
    return this.#sample(wheel);
  }

  /** Takes the longest idle of a few that are early in the order. */
  #sample(wheel: TimingWheel<T>): T | undefined {
    let best = NOTHING;
    let bestAccess = Infinity;
    let looked = 0;
    for (const row of wheel.firstRows(MAX_STEPS)) {
      const item = wheel.itemAt(row)!;
      if (!this.#isIn(wheel, item)) {
        wheel.remove(row);
        continue;
      }
      let accessed = item.lastModified * 1000;
      if (this.#isHeld(item)) accessed += AFTER_ALL;
      if (accessed < bestAccess) {
        best = row;
        bestAccess = accessed;
      }
      if (++looked === SAMPLE) break;
    }
    if (best === NOTHING) return undefined;
    const item = wheel.itemAt(best);
    wheel.remove(best);
    return item;
  }

  /** Whether an entry still stands for its item. */
  #isIn(wheel: TimingWheel<T>, item: T): boolean {
    return item.isActive &&
      (wheel === this.#nobodys) === (item.principal === undefined);
  }
}
