/**
 * Where a site reads the time and sets its one timer.
 *
 * Pass an own one in {@linkcode SiteOptions.clock} to drive sessions from a
 * simulation. Tests hardly need it: the default looks `Date` and the global
 * timers up at each use, so `FakeTime` of `@std/testing` drives it.
 */
export interface Clock {
  /** The time in milliseconds since the UNIX epoch. */
  now(): number;
  /**
   * Milliseconds since any fixed moment, which no change of the date moves.
   *
   * Leases of a session store are measured by it. Optional: without it
   * `performance.now()` is read, which `FakeTime` does not move.
   */
  monotonic?(): number;
  /**
   * Calls `callback` once, at least `delay` milliseconds from now. The timer
   * should not keep the process alive.
   *
   * @returns what {@linkcode Clock.clearTimeout} takes.
   */
  setTimeout(callback: () => void, delay: number): unknown;
  /** Forgets a timer; one that has fired or was cleared is ignored. */
  clearTimeout(id: unknown): void;
  /**
   * Calls `callback` once, in the next turn of the event loop.
   *
   * A site that has a crowd of sessions to end does so between the slices of its
   * work. Optional: without it a timer of 0 ms is set, which takes one or two
   * milliseconds in Deno.
   */
  nextTurn?(callback: () => void): void;
}

/** Reads {@linkcode Clock.monotonic}, or `performance.now()` where it is absent. */
export function monotonic(clock: Clock): number {
  return clock.monotonic?.() ?? performance.now();
}

/** What is not this any more has been faked. */
const { setTimeout: ownSetTimeout } = globalThis;

/** The clock of the process, looked up at each use so that it can be faked. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delay) => {
    // An object, whatever its type says; a number while FakeTime is in force.
    const id: unknown = setTimeout(callback, delay);
    (id as { unref?(): void }).unref?.();
    return id;
  },
  clearTimeout: (id) => clearTimeout(id as number),
  nextTurn: (callback) => {
    // Whoever fakes timers means this one too.
    if (setTimeout !== ownSetTimeout) return void setTimeout(callback, 0);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      callback();
    };
    port2.postMessage(undefined);
  },
};
