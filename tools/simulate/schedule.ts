import { setImmediate } from "node:timers";
import type { SimulatedTime } from "./seams.ts";

/** An event that will happen. */
interface Event {
  /** Simulated milliseconds. */
  readonly at: number;
  /** Orders events of one time. */
  readonly order: number;
  readonly act: () => void;
}

/**
 * The simulated time and everything that is going to happen in it.
 *
 * One event happens at a time. Before the next one, all promises that depend only
 * on each other have settled.
 */
export class Schedule {
  /** Simulated milliseconds since the beginning. */
  now = 0;
  /** How many events have happened. */
  count = 0;
  readonly #heap: Event[] = [];
  readonly #onSettled: () => void;
  #order = 0;

  /** @param onSettled Called after each event, when its promises have settled. */
  constructor(onSettled: () => void) {
    this.#onSettled = onSettled;
  }

  /** Adds an event; one in the past happens next. */
  add(at: number, act: () => void): void {
    const event = { at: Math.max(at, this.now), order: ++this.#order, act };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = index - 1 >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  /** Returns timers that happen at their simulated times. */
  timers(): Pick<SimulatedTime, "setTimeout" | "clearTimeout"> {
    const pending = new Set<number>();
    let last = 0;
    return {
      setTimeout: (callback, delay) => {
        const id = ++last;
        pending.add(id);
        this.add(this.now + delay, () => {
          if (pending.delete(id)) callback();
        });
        return id;
      },
      clearTimeout: (id) => void pending.delete(id as number),
    };
  }

  /**
   * Lets the events happen until a time.
   *
   * @param isOver Ends it earlier; asked after each event.
   */
  async run(until: number, isOver: () => boolean): Promise<void> {
    await settled();
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until || isOver()) break;
      this.#takeFirst();
      this.now = next.at;
      this.count++;
      next.act();
      await settled();
      this.#onSettled();
    }
    this.now = Math.max(this.now, until);
  }

  #takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) {
        child++;
      }
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || one.at === other.at && one.order < other.order;
}

/** Resolves when all promises that depend only on each other have settled. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
