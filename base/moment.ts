import { type Clock, isDateFaked, systemClock } from "./clock.ts";

/** Reads {@linkcode Clock.monotonic}, or `performance.now()` if it is absent. */
export function monotonic(clock: Clock): number {
  return clock.monotonic?.() ?? performance.now();
}

/**
 * The milliseconds by which a clock must have been set to count as set. Two smaller
 * steps, one forward and one back, may hide a step of twice as many.
 */
const STEP = 50;

/** A reading of a clock. It stays right when the clock is set. */
export class Moment {
  /** UNIX milliseconds. */
  readonly at: number;
  /**
   * Milliseconds by which the clock had been set forward since its first reading.
   * Most often 0: a small number takes less memory than a time.
   */
  readonly ahead: number;

  /** UNIX milliseconds by the clock as it was first set. */
  readonly steady: number;

  constructor(at: number, ahead: number) {
    this.at = at;
    this.ahead = ahead;
    this.steady = at - ahead;
  }

  /** Returns its UNIX milliseconds by the clock as it was set at another reading. */
  by(now: Moment): number {
    return this.steady + now.ahead;
  }

  /** Returns the time of an answer that comes now to a call that was sent then. */
  answered(clock: Clock): AnswerTime {
    const now = readClock(clock);
    return { sentAt: this.by(now), now };
  }
}

/** The time of an answer, by one reading of the clock. */
export interface AnswerTime {
  /** When the call was sent, in UNIX milliseconds by the clock as it is set now. */
  readonly sentAt: number;
  /** When the answer came. */
  readonly now: Moment;
}

/**
 * By how many milliseconds the time of a clock was ahead of its monotonic time at its
 * first reading, and by how many it has been set forward since.
 */
const SETTINGS = new WeakMap<
  Clock,
  { readonly first: number; ahead: number }
>();

/**
 * The last reading of the system clock. A request reads it many times within one
 * millisecond, in which it is not set; `performance.now()` takes longest.
 */
let lastReading = new Moment(NaN, 0);

/** Reads a clock, and how it is set. */
export function readClock(clock: Clock): Moment {
  const at = clock.now();
  if (clock !== systemClock) return new Moment(at, aheadOf(clock, at));
  if (at !== lastReading.at) lastReading = new Moment(at, aheadOf(clock, at));
  return lastReading;
}

/** Returns by how many milliseconds a clock was set forward since its first reading. */
function aheadOf(clock: Clock, now: number): number {
  const hasMonotonic = clock.monotonic !== undefined ||
    clock === systemClock && !isDateFaked();
  // A clock without a monotonic time is taken as never set.
  const difference = hasMonotonic ? now - monotonic(clock) : 0;
  let setting = SETTINGS.get(clock);
  if (setting === undefined) {
    SETTINGS.set(clock, setting = { first: difference, ahead: 0 });
  }
  const ahead = Math.round(difference - setting.first);
  if (Math.abs(ahead - setting.ahead) > STEP) setting.ahead = ahead;
  return setting.ahead;
}
