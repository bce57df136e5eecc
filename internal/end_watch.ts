import type { MaybePromise } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import { isPromiseLike } from "./promise_like.ts";

/**
 * The longest between two rounds, in milliseconds: so late at most comes an end
 * that another process has left, if no news of it arrived.
 */
const LONGEST_WAIT = 1000;

/**
 * The longest pause after a round that failed, in milliseconds: a store that is
 * back is noticed so late at most. The first is as long as a wait; each further
 * one is doubled.
 */
const LONGEST_PAUSE = 4000;

/**
 * Goes round when something may be due, and at least every second; after a
 * failure less and less often.
 */
export class EndWatch {
  readonly #clock: Clock;
  readonly #round: () => MaybePromise<number>;
  #timer: unknown = undefined;
  #wakeAt = Infinity;
  #isRunning = false;
  #isWoken = false;
  #isStopped = false;
  /** How long the next failure makes it pause. */
  #pause = LONGEST_WAIT;

  /**
   * @param clock Where the time comes from.
   * @param round Sees to what is due, and answers in how many milliseconds more
   * will be. It fails by throwing or rejecting, and reports that itself.
   */
  constructor(clock: Clock, round: () => MaybePromise<number>) {
    this.#clock = clock;
    this.#round = round;
  }

  /** Has a round begin in the next turn, or after the one that is under way. */
  wake(): void {
    if (this.#isRunning) this.#isWoken = true;
    else this.#set(0);
  }

  /** No more rounds begin. */
  stop(): void {
    this.#isStopped = true;
    this.#clear();
  }

  #set(delay: number): void {
    if (this.#isStopped) return;
    const wait = Math.ceil(Math.max(delay, 0));
    const at = this.#clock.now() + wait;
    if (at >= this.#wakeAt) return;
    this.#clear();
    this.#wakeAt = at;
    this.#timer = this.#clock.setTimeout(this.#run, wait);
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakeAt = Infinity;
  }

  readonly #run = (): void => {
    this.#timer = undefined;
    this.#wakeAt = Infinity;
    this.#isRunning = true;
    try {
      const next = this.#round();
      if (isPromiseLike(next)) next.then(this.#rest, this.#fail);
      else this.#rest(next);
    } catch {
      this.#fail();
    }
  };

  readonly #rest = (next: number): void => {
    this.#pause = LONGEST_WAIT;
    this.#conclude(Math.min(next, LONGEST_WAIT));
  };

  readonly #fail = (): void => {
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, LONGEST_PAUSE);
    this.#conclude(pause);
  };

  #conclude(wait: number): void {
    this.#isRunning = false;
    this.#set(this.#isWoken ? 0 : wait);
    this.#isWoken = false;
  }
}
