/**
 * A source of time and timers for sessions.
 *
 * Pass a clock of your own as {@linkcode SiteOptions.clock} to drive sessions
 * from a simulation. Tests seldom need one: the default clock looks up `Date`
 * and the global timers at each use, so `FakeTime` of `@std/testing` drives it.
 */
export interface Clock {
  /** Returns the time in milliseconds since the UNIX epoch. */
  now(): number;
  /**
   * Returns milliseconds since a fixed moment; setting the clock does not
   * change them.
   *
   * Measures the leases of a session store. Optional: the default is
   * `performance.now()`, which `FakeTime` does not move.
   */
  monotonic?(): number;
  /**
   * Calls `callback` once, at least `delay` milliseconds from now. The timer
   * should not keep the process alive.
   *
   * @returns an id for {@linkcode Clock.clearTimeout}.
   */
  setTimeout(callback: () => void, delay: number): unknown;
  /** Cancels a timer; does nothing if it has fired or was cancelled before. */
  clearTimeout(id: unknown): void;
  /**
   * Calls `callback` once, in the next turn of the event loop.
   *
   * A site that ends a large batch of sessions splits the work into slices and
   * calls this between them. Optional: the default is a timer of 0 ms, which
   * takes one or two milliseconds in Deno.
   */
  nextTurn?(callback: () => void): void;
}

/**
 * The longest delay of a timer in milliseconds, about 24.8 days. A longer delay
 * overflows, and the timer fires at once.
 */
export const LONGEST_DELAY: number = 2 ** 31 - 1;

/** The real timer function and date; others mean that a test fakes the time. */
const { setTimeout: ownSetTimeout, Date: ownDate } = globalThis;

/** Whether a test fakes `Date`, by `FakeTime` for example. */
export function isDateFaked(): boolean {
  return globalThis.Date !== ownDate;
}

/** The clock of the process; looks up the globals at each use, so that tests can fake them. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => {
    // Deno returns an object, whatever the type says; FakeTime a number.
    const id: unknown = setTimeout(callback, delay);
    (id as { unref?(): void }).unref?.();
    return id;
  },
  clearTimeout: (id) => clearTimeout(id as number),
  nextTurn: (callback) => {
    const { setImmediate } = globalThis as {
      setImmediate?(callback: () => void): unknown;
    };
    // FakeTime drives timers only, and some runtimes have nothing else.
    if (setTimeout === ownSetTimeout && setImmediate) setImmediate(callback);
    else setTimeout(callback, 0);
  },
};
