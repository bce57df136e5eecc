import type { Clock } from "./clock.ts";

/** Milliseconds of work after which the event loop has its turn. */
export const SLICE = 6;

/**
 * Runs acts in order, and lets the event loop turn once they have taken a while,
 * so that timers, requests and answers of a store need not wait for all of them.
 *
 * The next turn begins with a timer. `Clock.nextTurn()` is a millisecond faster,
 * but Deno reads no socket while each turn asks for the next one that way.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #timer: unknown = undefined;
  #isOver = false;
  #isStopped = false;
  /** Milliseconds of work in this turn. */
  #used = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether acts wait for their turn. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Runs an act: now, or after those that wait.
   *
   * @param act Must not throw.
   */
  run(act: () => void): void {
    if (this.#isOver) this.#waiting.push(act);
    else this.#go(act);
  }

  /** Drops the acts that wait; those that come later run at once. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    this.#clock.clearTimeout(this.#timer);
    this.#begin();
  }

  #go(act: () => void): void {
    const began = this.#clock.now();
    act();
    // The clock may have been set back.
    this.#used += Math.max(0, this.#clock.now() - began);
    if (this.#used < SLICE || this.#isOver || this.#isStopped) return;
    this.#isOver = true;
    this.#timer = this.#clock.setTimeout(this.#turn, 0);
  }

  readonly #turn = (): void => {
    this.#begin();
    while (!this.#isOver) {
      const act = this.#waiting.shift();
      if (act === undefined) return;
      this.#go(act);
    }
  };

  #begin(): void {
    this.#timer = undefined;
    this.#isOver = false;
    this.#used = 0;
  }
}
