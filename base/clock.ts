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

/** Reads {@linkcode Clock.monotonic}, or `performance.now()` if it is absent. */
export function monotonic(clock: Clock): number {
  return clock.monotonic?.() ?? performance.now();
}

/**
 * Returns by how many milliseconds the time of a clock is ahead of its monotonic
 * time. The difference changes when the clock is set, and otherwise by little.
 *
 * Returns 0 for a clock without a monotonic time: it is taken as never set.
 */
export function wallAhead(clock: Clock): number {
  const isKnown = clock.monotonic !== undefined ||
    clock === systemClock && !isDateFaked();
  return isKnown ? clock.now() - monotonic(clock) : 0;
}

/**
 * The milliseconds by which a clock must have been set to count as set. Two smaller
 * steps, one forward and one back, may hide a step of twice as many.
 */
const STEP = 50;

/** The settings of a clock, each with the milliseconds that it was set forward. */
interface Settings {
  /** What {@linkcode wallAhead} returned at the first setting. */
  readonly first: number;
  /** By how much each setting is ahead of the first one. */
  readonly ahead: number[];
}

const SETTINGS = new WeakMap<Clock, Settings>();

/**
 * The last reading of the system clock. A request reads it many times within one
 * millisecond, in which it is not set; `performance.now()` takes longest.
 */
let lastReading = { at: NaN, setting: 0 };

/**
 * Returns the number of a clock's present setting: it grows when the clock is set.
 * A small number takes less memory than a time.
 */
export function settingOf(clock: Clock): number {
  const at = clock.now();
  const isRead = clock === systemClock && at === lastReading.at;
  if (isRead) return lastReading.setting;
  const now = wallAhead(clock);
  let settings = SETTINGS.get(clock);
  if (settings === undefined) {
    settings = { first: now, ahead: [0] };
    SETTINGS.set(clock, settings);
  }
  const ahead = Math.round(now - settings.first);
  if (Math.abs(ahead - settings.ahead.at(-1)!) > STEP) {
    settings.ahead.push(ahead);
  }
  const setting = settings.ahead.length - 1;
  if (clock === systemClock) lastReading = { at, setting };
  return setting;
}

/**
 * Returns by how many milliseconds a clock was set forward since it had a setting;
 * 0 if by few.
 */
export function stepSince(setting: number, clock: Clock): number {
  const now = settingOf(clock);
  const { ahead } = SETTINGS.get(clock)!;
  return ahead[now]! - ahead[setting]!;
}

/** A time that stays right when the clock is set. */
export class Moment {
  readonly #at: number;
  readonly #setting: number;

  /** Takes the present time of a clock. */
  constructor(clock: Clock) {
    this.#at = clock.now();
    this.#setting = settingOf(clock);
  }

  /** Returns its UNIX milliseconds by the clock as it is set now. */
  by(clock: Clock): number {
    return this.#at + stepSince(this.#setting, clock);
  }
}

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
