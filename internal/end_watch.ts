import type { MaybePromise } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import { isPromiseLike } from "./promise_like.ts";

/**
 * The longest between two rounds, in milliseconds: so late at most comes an end
 * that another process has left, if no news of it arrived.
 */
const LONGEST_WAIT = 1000;

/** Goes round when something may be due, and at least every second. */
export class EndWatch {
  readonly #clock: Clock;
  readonly #round: () => MaybePromise<number>;
  #timer: unknown = undefined;
  #wakeAt = Infinity;
  #isRunning = false;
  #isWoken = false;
  #isStopped = false;

  /**
   * @param clock Where the time comes from.
   * @param round Sees to what is due, and answers in how many milliseconds more
   * will be; must neither throw nor reject.
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
    const wait = Math.ceil(Math.min(Math.max(delay, 0), LONGEST_WAIT));
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
    const next = this.#round();
    if (isPromiseLike(next)) Promise.resolve(next).then(this.#rest);
    else this.#rest(next);
  };

  readonly #rest = (next: number): void => {
    this.#isRunning = false;
    this.#set(this.#isWoken ? 0 : next);
    this.#isWoken = false;
  };
}
