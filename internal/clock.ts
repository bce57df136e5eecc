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
   * Calls `callback` once, at least `delay` milliseconds from now. The timer
   * should not keep the process alive.
   *
   * @returns what {@linkcode Clock.clearTimeout} takes.
   */
  setTimeout(callback: () => void, delay: number): unknown;
  /** Forgets a timer; one that has fired or was cleared is ignored. */
  clearTimeout(id: unknown): void;
}

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
};
