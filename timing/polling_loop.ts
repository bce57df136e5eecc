import type { Clock } from "../base/clock.ts";
import { type Moment, readClock } from "../base/moment.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { Alarm } from "./expiry_queue.ts";

/**
 * The longest pause between two polls, in milliseconds. An end that another
 * process left behind is late by this at most if its notification was lost.
 */
const LONGEST_PAUSE = 1000;

/**
 * Polls when something may be due, and at least once a second unless every change
 * wakes the loop.
 *
 * While polls fail, it polls once a second. Requests are refused until a poll finds
 * that the store answers again.
 */
export class PollingLoop {
  readonly #clock: Clock;
  readonly #poll: () => MaybePromise<number>;
  readonly #alarm: Alarm;
  #isPolling = false;
  #isWoken = false;
  #isStopped = false;
  readonly #longestPause: number;
  /** When the last poll began. */
  #polled: Moment | undefined = undefined;
  #hasFailed = false;

  /**
   * @param poll Handles the work that is due, and returns the milliseconds until
   * more may be due. It fails by throwing or rejecting, and reports that itself.
   * @param isWokenReliably Whether every change calls `wake()`, so that the loop
   * polls only when something is due.
   */
  constructor(
    clock: Clock,
    poll: () => MaybePromise<number>,
    isWokenReliably = false,
  ) {
    this.#clock = clock;
    this.#poll = poll;
    this.#longestPause = isWokenReliably ? Infinity : LONGEST_PAUSE;
    this.#alarm = new Alarm(clock, () => this.#run());
  }

  /** Polls in the next turn, or after the current poll. */
  wake(): void {
    if (this.#isPolling) this.#isWoken = true;
    else this.#pause(0);
  }

  /** Polls now, if the loop was woken and polls in the next turn. */
  begin(): void {
    if (this.#alarm.time > this.#clock.now()) return;
    this.#alarm.clear();
    this.#run();
  }

  /** Polls in the next turn, unless a poll is running or the last one failed. */
  nudge(): void {
    if (!this.#isPolling && !this.#hasFailed) this.#pause(0);
  }

  /** Stops the loop; the current poll finishes. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.clear();
  }

  #pause(delay: number): void {
    if (this.#isStopped) return;
    const now = this.#clock.now();
    this.#alarm.setFor(now + Math.max(delay, 0), now);
  }

  #run(): void {
    this.#isPolling = true;
    this.#polled = readClock(this.#clock);
    try {
      const next = this.#poll();
      if (isPromiseLike(next)) next.then(this.#finish, this.#fail);
      else this.#finish(next);
    } catch {
      this.#fail();
    }
  }

  readonly #finish = (next: number): void => {
    this.#hasFailed = false;
    this.#conclude(Math.min(next, this.#longestPause));
  };

  readonly #fail = (): void => {
    this.#hasFailed = true;
    // The time that the failed poll took is a part of the pause. If the clock was set
    // back meanwhile, the pause is no longer for that.
    const now = readClock(this.#clock);
    const rest = (this.#polled?.by(now) ?? now.at) + LONGEST_PAUSE - now.at;
    this.#conclude(Math.min(rest, LONGEST_PAUSE));
  };

  #conclude(pause: number): void {
    this.#isPolling = false;
    this.#pause(this.#isWoken ? 0 : pause);
    this.#isWoken = false;
  }
}
