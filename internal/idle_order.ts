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
 * Finds which of many has been idle longest, those of nobody before those of a
 * principal.
 *
 * An access tells nothing here: an entry stands where its last access was when
 * it was entered, and one that comes up finds its new place first. Each is so
 * moved once for all its accesses since, and nothing is paid for them.
 */
export class IdleOrder<T extends Idler> {
  readonly #nobodys = new TimingWheel<T>();
  readonly #principals = new TimingWheel<T>();

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

  /** Takes the item out that has been idle longest. */
  takeLongestIdle(): T | undefined {
    return this.#take(this.#nobodys) ?? this.#take(this.#principals);
  }

  #take(wheel: TimingWheel<T>): T | undefined {
    for (;;) {
      wheel.startTurn();
      const row = wheel.step(Infinity);
      if (row === NOTHING) return undefined;
      if (row === MOVED) continue;
      const item = wheel.itemAt(row)!;
      const isHere = (wheel === this.#nobodys) ===
        (item.principal === undefined);
      const accessed = item.lastModified * 1000;
      if (item.isActive && isHere && accessed > wheel.dueOf(row)) {
        wheel.note(row, accessed);
        wheel.place(row, Infinity);
        continue;
      }
      wheel.remove(row);
      if (item.isActive && isHere) return item;
    }
  }
}
