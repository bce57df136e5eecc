import type { Clock } from "../base/clock.ts";
import { describe } from "../base/describe.ts";

/** The default start: 2026-01-01T00:00:00Z, in UNIX seconds. */
const START = 1_767_225_600;

/**
 * Turns of the event loop to wait for. All promises that are ready run in one; a
 * message of a channel, such as one by which work is split, takes another.
 */
const TURNS = 3;

/** The most timers in a row at one time: more are an endless loop. */
const MAX_AT_ONCE = 100_000;

/** A timer that waits. */
interface Timer {
  readonly id: number;
  readonly callback: () => void;
  /** UNIX milliseconds. */
  readonly due: number;
}

/**
 * A clock for tests, which stands still until the test moves it.
 *
 * {@linkcode TestSite} makes one. To share one clock between several sites, make
 * one and pass it to each as its `clock`.
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
  /** Settles when the calls of `advance()` so far are done. */
  #advancing: Promise<unknown> = Promise.resolve();

  /**
   * Makes a clock.
   *
   * @param start The first time of the clock, in UNIX seconds. The default is the
   * beginning of 2026, so that each run of a test has the same times.
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

  /** Returns the time in milliseconds since the UNIX epoch. */
  now(): number {
    return this.#now;
  }

  /** Returns the milliseconds that the clock has been moved since it was made. */
  monotonic(): number {
    return this.#now - this.#start;
  }

  /**
   * Calls a function once, when the clock has been moved `delay` milliseconds from
   * now.
   *
   * The delay is read as the global `setTimeout` reads it: fractions are cut off;
   * negative numbers, NaN, and numbers beyond 2^31 - 1 count as 0.
   *
   * @param callback Called with `args`.
   * @param delay By default 0.
   * @returns an id for {@linkcode TestClock.clearTimeout}.
   * @throws {TypeError} If the callback is not a function.
   */
  setTimeout<Args extends unknown[]>(
    callback: (...args: Args) => void,
    delay: number = 0,
    ...args: Args
  ): unknown {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot set a timer: the callback is not a function: ${
          describe(callback)
        }`,
      );
    }
    // The conversion that the platform makes.
    const due = this.#now + Math.max(0, delay | 0);
    const id = ++this.#lastId;
    this.#timers.set(id, { id, callback: () => callback(...args), due });
    return id;
  }

  /** Cancels a timer; does nothing if it has fired or was cancelled before. */
  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number);
  }

  /**
   * Moves the clock, and calls the timers on the way, each at its own time, in
   * order, including timers that are set meanwhile. Before the first timer and
   * after each one, waits until all promises that need no time have settled. Files,
   * sockets and `crypto.subtle` take real time.
   *
   * Concurrent calls add up: each begins when the one before is done.
   *
   * @param seconds How far; 0 calls the timers that are due now. Fractions count.
   * @throws {RangeError} If it is negative or not a finite number.
   * @throws {Error} If timers set each other without a delay forever. Errors of a
   * timer are thrown too.
   */
  async advance(seconds: number): Promise<void> {
    if (!Number.isFinite(seconds) || seconds < 0) {
      throw new RangeError(
        `Cannot advance the clock: not a finite number of seconds, 0 or more: ${
          describe(seconds)
        }`,
      );
    }
    const done = this.#advancing.then(() =>
      this.#advance(toMilliseconds(seconds))
    );
    // Each call reports its own error.
    this.#advancing = done.catch(() => {});
    await done;
  }

  async #advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
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

  /** Returns the timer that is due first; of equal ones the timer set first. */
  #findNext(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (first === undefined || timer.due < first.due) first = timer;
    }
    return first;
  }
}

/** Converts to whole milliseconds, since 1.001 * 1000 is a little less than 1001. */
function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** Waits until all promises that need no time have settled. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}

/** Calls back in the next turn of the event loop, also under FakeTime. */
function nextTurn(callback: () => void): void {
  const { setImmediate } = globalThis as {
    setImmediate?: (callback: () => void) => void;
  };
  if (setImmediate !== undefined) return setImmediate(callback);
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    callback();
  };
  port2.postMessage(undefined);
}
