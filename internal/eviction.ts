import { IdleOrder, type Idler } from "./idle_order.ts";

/** How many times as many entries as sessions an order of the idle may have. */
const MAX_ORDER_WASTE = 2;

/** Who has to go when there are as many as there may be. */
export class Eviction<T extends Idler> {
  readonly #all: ReadonlyMap<string, T>;
  readonly #max: number;
  /** Made when there are as many as there may be. */
  #order: IdleOrder<T> | undefined = undefined;

  /**
   * @param all All that there are.
   * @param max How many there may be.
   */
  constructor(all: ReadonlyMap<string, T>, max: number) {
    this.#all = all;
    this.#max = max;
  }

  /** Notes one that is new, or that is somebody's or nobody's from now on. */
  note(item: T): void {
    this.#order?.add(item);
  }

  /** The one that has been idle longest, if there is no room for another. */
  next(): T | undefined {
    const { size } = this.#all;
    if (size < this.#max) {
      this.#dropOrder(size);
      return undefined;
    }
    if (
      this.#order === undefined || this.#order.size > size * MAX_ORDER_WASTE
    ) {
      this.#order = new IdleOrder();
      for (const item of this.#all.values()) this.#order.add(item);
    }
    return this.#order.takeLongestIdle();
  }

  /** Not needed for a while; made anew, it costs one look at each. */
  #dropOrder(size: number): void {
    if (this.#order === undefined) return;
    if (size < this.#max / 2 || this.#order.size > size * MAX_ORDER_WASTE) {
      this.#order = undefined;
    }
  }
}
