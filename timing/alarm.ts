import { type Clock, LONGEST_DELAY } from "../base/clock.ts";

/**
 * One timer, set for the earliest of the times that were asked for.
 *
 * Times are milliseconds of the clock.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #timer: unknown = undefined;
  /** The time for which the alarm is set; Infinity while it is not set. */
  time = Infinity;

  /** @param onRing Called once each time that the alarm is set and rings. */
  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /**
   * Sets the alarm, unless it is set for an earlier time already.
   *
   * The alarm rings early if `time` is more than 24 days away, since no timer can
   * be set for longer, or if the clock's timers are early. So the listener checks
   * the time, and sets the alarm again if need be.
   *
   * @param time A time in the past rings in the next turn of the event loop;
   * Infinity never rings.
   * @param now The time of the clock, if the caller has read it.
   */
  setFor(time: number, now: number = this.#clock.now()): void {
    if (time >= this.time) return;
    this.clear();
    const delay = Math.min(Math.max(0, Math.ceil(time - now)), LONGEST_DELAY);
    this.time = time;
    this.#timer = this.#clock.setTimeout(this.#ring, delay);
  }

  /** Cancels the timer; does nothing if the alarm is not set. */
  clear(): void {
    if (this.time === Infinity) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.time = Infinity;
  }

  readonly #ring = (): void => {
    this.#timer = undefined;
    this.time = Infinity;
    this.#onRing();
  };
}
