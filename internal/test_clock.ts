import type { Clock } from "./clock.ts";
import { describe } from "./describe.ts";

/** The default start: 2026-01-01T00:00:00Z, in UNIX seconds. */
const START = 1_767_225_600;

/** Turns of the microtask queue that are let go by: enough for deep chains. */
const TURNS = 50;

/** Timers in a row without the time going on: no program means that. */
const MAX_AT_ONCE = 100_000;

/** A timer that waits. */
interface Timer {
  readonly id: number;
  readonly callback: () => void;
  /** UNIX milliseconds. */
  readonly due: number;
}

/**
 * A clock that stands still until it is moved, for sites that are tested.
 *
 * {@linkcode TestSite} makes one. Make one yourself to let several sites go by
 * the same, and hand it to each as its `clock`.
 *
 * @example Usage
 * ```ts
 * import { Resource, Site } from "@curfew/web";
 * import { TestClock } from "@curfew/web/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new TestClock();
 * await using site = new Site(new Resource(), { clock });
 * const session = site.makeSession();
 *
 * await clock.advance(899);
 * assertEquals(session.isActive, true);
 * await clock.advance(1);
 * assertEquals(session.end?.reason, "idle");
 * ```
 */
export class TestClock implements Clock {
  #now: number;
  readonly #start: number;
  readonly #timers = new Map<number, Timer>();
  #lastId = 0;

  /**
   * Makes a clock.
   *
   * @param start The time that it begins with, in UNIX seconds; by default the
   * beginning of 2026, so that a test sees the same times whenever it runs.
   * @throws {RangeError} If the start is not a finite number.
   */
  constructor(start: number = START) {
    if (!Number.isFinite(start)) {
      throw new RangeError(
        `Cannot make a clock: the start is not a finite number: ${
          describe(start)
        }`,
      );
    }
    this.#now = this.#start = toMilliseconds(start);
  }

  /** The time in milliseconds since the UNIX epoch. */
  now(): number {
    return this.#now;
  }

  /** Milliseconds that the clock has been moved since it was made. */
  monotonic(): number {
    return this.#now - this.#start;
  }

  /**
   * Has a function called once, `delay` milliseconds from now, when the clock is
   * moved that far.
   *
   * @returns what {@linkcode TestClock.clearTimeout} takes.
   */
  setTimeout(callback: () => void, delay: number): unknown {
    const due = this.#now + Math.max(0, delay);
    const id = ++this.#lastId;
    this.#timers.set(id, { id, callback, due });
    return id;
  }

  /** Forgets a timer; one that has fired or was cleared is ignored. */
  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number);
  }

  /**
   * Moves the clock, and calls the timers on the way, each at its own time, in
   * order. Those that are set meanwhile count too. Between two of them and at
   * the end promises are let go on, as far as they wait for nothing but each
   * other: files and sockets take real time.
   *
   * @param seconds How far; 0 calls what is due by now. Fractions count.
   * @throws {RangeError} If it is negative or not a finite number.
   * @throws {Error} If timers set each other for ever without a delay; and
   * whatever a timer throws.
   */
  async advance(seconds: number): Promise<void> {
    if (!Number.isFinite(seconds) || seconds < 0) {
      throw new RangeError(
        `Cannot advance the clock: not a finite number of seconds, 0 or more: ${
          describe(seconds)
        }`,
      );
    }
    const end = this.#now + toMilliseconds(seconds);
    let atOnce = 0;
    await settle();
    for (;;) {
      const next = this.#findNext();
      if (next === undefined || next.due > end) break;
      atOnce = next.due > this.#now ? 1 : atOnce + 1;
      if (atOnce > MAX_AT_ONCE) {
        throw new Error(
          `Cannot advance the clock: more than ${MAX_AT_ONCE} timers at one time`,
        );
      }
      this.#timers.delete(next.id);
      this.#now = Math.max(this.#now, next.due);
      next.callback();
      await settle();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** The timer that is due first; of several at one time the one set first. */
  #findNext(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (first === undefined || timer.due < first.due) first = timer;
    }
    return first;
  }
}

/** A date has whole milliseconds, and 1.001 * 1000 is a little less. */
function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
}
