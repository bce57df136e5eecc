import type { Clock } from "../base/clock.ts";

/** Milliseconds of work in one turn of the event loop. */
export const SLICE = 4;

/**
 * Runs functions in order, and yields to the event loop after a few milliseconds
 * of work. So timers, requests and responses of a store wait for one turn only.
 *
 * A timer begins the next turn. `Clock.nextTurn()` would be a millisecond faster,
 * but Deno reads no socket while each turn requests the next one that way.
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

  /** Whether functions wait for the next turn. */
  get isBusy(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Runs a function: now, or after the functions that wait.
   *
   * @param act Must not throw.
   */
  run(act: () => void): void {
    if (this.#isOver) this.#waiting.push(act);
    else this.#go(act);
  }

  /** Drops the waiting functions; later ones run at once. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.length = 0;
    this.#clock.clearTimeout(this.#timer);
    this.#begin();
  }

  #go(act: () => void): void {
    const began = this.#clock.now();
    act();
    // Negative if the clock was set back.
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
