import { MOVED, NOTHING, TimingWheel } from "../timing/timing_wheel.ts";

/**
 * Items in the order in which they are due, in UNIX milliseconds, for a store
 * that sets no timer. A row number names an item, as in {@linkcode TimingWheel}.
 */
export class DueQueue<T> {
  readonly #wheel = new TimingWheel<T>();
  readonly #onDueEarlier: () => void;

  /** @param onDueEarlier Called when an item may be due before all others. */
  constructor(onDueEarlier: () => void) {
    this.#onDueEarlier = onDueEarlier;
  }

  /** Adds an item, and returns its row. */
  add(item: T, due: number, now: number): number {
    const row = this.#wheel.add(item, due);
    this.#place(row, now);
    return row;
  }

  /** Changes the time at which an item of the queue is due. */
  set(row: number, due: number, now: number): void {
    if (this.#wheel.setDue(row, due)) this.#place(row, now);
  }

  /** Puts back an item that was taken, or changes the time at which it is due. */
  put(row: number, due: number, now: number): void {
    this.#wheel.setDue(row, due);
    this.#place(row, now);
  }

  /**
   * Takes the items that are due, the earliest first. The caller must `put()` or
   * forget each.
   */
  takeDue(now: number, limit: number): T[] {
    const items: T[] = [];
    this.#wheel.startTurn();
    while (items.length < limit) {
      const row = this.#takeRow(now);
      if (row === undefined) break;
      items.push(this.#wheel.itemAt(row)!);
    }
    return items;
  }

  /** Forgets an item. */
  remove(row: number): void {
    this.#wheel.remove(row);
    if (this.#wheel.size === 0) this.#wheel.clear();
  }

  /** Returns the milliseconds until an item is due, or less. */
  nextIn(now: number): number {
    this.#wheel.startTurn();
    const row = this.#takeRow(now);
    if (row === undefined) return Math.max(0, this.#wheel.nextStep() - now);
    this.#wheel.place(row, now);
    return 0;
  }

  #place(row: number, now: number): void {
    const next = this.#wheel.nextStep();
    if (now < next) this.#wheel.turnTo(now);
    if (this.#wheel.place(row, now) < next) this.#onDueEarlier();
  }

  #takeRow(now: number): number | undefined {
    for (;;) {
      const row = this.#wheel.step(now);
      if (row === NOTHING) return undefined;
      if (row !== MOVED) return row;
    }
  }
}
