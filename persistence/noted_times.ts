import { type Clock, settingOf, stepSince } from "../base/clock.ts";
import type { SessionTimes } from "../stores/store.ts";
import { LoadTouches } from "./load_touches.ts";

/** A time of a session that is noted with the clock that it was taken from. */
type NotedTime =
  | "creation"
  | "login"
  | "touch"
  | "access"
  | "version"
  | "times";

/**
 * Times of a session and of its record, by the clock of this process. Each is noted
 * with the setting of the clock that it was taken from, so that it stays right when
 * the clock is set.
 */
export class NotedTimes extends LoadTouches {
  /** The touch in the record, by this process's clock at `#timesAt`. */
  #touchedAt = -Infinity;
  /** The `lastModified` that the session took from the record; another is a touch. */
  #takenTouch = NaN;
  /** When the times of the record were read, by this process's clock then. */
  #timesAt = -Infinity;
  /** Milliseconds by which the store's clock was ahead at `#timesAt`. */
  #storeAhead = 0;
  /** How this process's clock was set when times of the session were taken. */
  readonly #settings = {
    creation: 0,
    login: 0,
    touch: 0,
    access: 0,
    version: 0,
    times: 0,
  };

  /** Records that a session took its `lastModified` from the record. */
  noteTaken(lastModified: number, clock: Clock): void {
    this.#takenTouch = lastModified;
    this.noteTime("touch", clock);
  }

  /** Returns whether a session has a touch that it did not take from the record. */
  isTouched(lastModified: number): boolean {
    return lastModified !== this.#takenTouch;
  }

  /** Records how this process's clock stands when a time is taken from it. */
  noteTime(time: NotedTime, clock: Clock): void {
    this.#settings[time] = settingOf(clock);
  }

  /**
   * Returns by how many milliseconds this process's clock was set forward since a
   * time was noted; 0 if by few.
   */
  stepSince(time: NotedTime, clock: Clock): number {
    return stepSince(this.#settings[time], clock);
  }

  /** Returns the milliseconds since a time that was noted, though the clock was set. */
  ageOf(at: number, time: NotedTime, clock: Clock): number {
    return Math.max(0, clock.now() - at - this.stepSince(time, clock));
  }

  /** Takes over the times of a record that was requested at `sentAt`. */
  setTimes(times: SessionTimes, sentAt: number, clock: Clock): void {
    this.#touchedAt = times.touchedAt + sentAt - times.now;
    this.#timesAt = clock.now();
    this.noteTime("times", clock);
    this.#storeAhead = times.now - clock.now();
  }

  /** Returns when the times of the record were read, by the clock as it is set now. */
  timesBy(clock: Clock): number {
    return this.#timesAt + this.stepSince("times", clock);
  }

  /** Returns the touch in the record, by this process's clock as it is set now. */
  touchedBy(clock: Clock): number {
    return this.#touchedAt + this.stepSince("times", clock);
  }

  /**
   * Returns the milliseconds by which the store's clock is ahead of this process's
   * clock. At least these: no write may count after this process has given it up.
   */
  storeAhead(clock: Clock): number {
    return this.#storeAhead - this.stepSince("times", clock);
  }

  /**
   * Returns by how many milliseconds a touch that is not written is later than the
   * touch in the record.
   *
   * @param lastModified That of the session, in UNIX seconds.
   */
  aheadOf(lastModified: number, clock: Clock): number {
    return this.isTouched(lastModified)
      ? this.differenceOf(lastModified, clock)
      : 0;
  }

  /** Returns by how many milliseconds a touch is later than the touch in the record. */
  differenceOf(lastModified: number, clock: Clock): number {
    const touchedAt = lastModified * 1000 + this.stepSince("touch", clock);
    return touchedAt - this.touchedBy(clock);
  }
}
