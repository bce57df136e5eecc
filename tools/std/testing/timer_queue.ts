/**
 * The timers that wait for fake time to pass.
 *
 * The order is kept, and each timer run, by a clock of sinon's fake timers.
 * It stands for the timers of Node and browsers, whose rules differ from those
 * of std's FakeTime, so it is used for its queue alone.
 *
 * @module
 */

import {
  type Clock,
  type TimerHeap,
  withGlobal,
} from "npm:@sinonjs/fake-timers@15.5.0";

/** How long a timer waits, and whether it does so again and again. */
export interface WaitOptions {
  /** Milliseconds, fractions dropped; at least 1 for a repeated timer. */
  delay: number;
  /** Whether it waits again after each call. */
  isRepeated: boolean;
}

interface Timer extends WaitOptions {
  id: number;
  due: number;
  callback: () => unknown;
}

/** A current time and the timers waiting for later ones. */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #heap: TimerHeap;
  readonly #waiting = new Set<number>();
  #lastId = 0;
  #isBrokenOff = false;

  /**
   * Starts at a time, in milliseconds since 1970.
   *
   * @param start The time.
   */
  constructor(start: number) {
    // Without a setTimeout to imitate, sinon gives numbers as ids and leaves
    // the event loop alone.
    this.#clock = withGlobal({ Date }).createClock(start);
    this.#clock.reset();
    this.#heap = this.#clock.timerHeap!;
  }

  /** The current time, in milliseconds since 1970. */
  get now(): number {
    return this.#clock.now;
  }

  /**
   * Whether nothing is left for {@linkcode TimerQueue.next} to look at.
   *
   * A cleared timer counts until its time is reached or `next` finds it, and a
   * time whose timers were broken off by an error counts until the next move.
   * std's runAllAsync() gives microtasks a turn for each of these.
   */
  get isEmpty(): boolean {
    return this.#heap.timers.length === 0 && !this.#isBrokenOff;
  }

  /**
   * Adds a timer.
   *
   * @param callback What to call.
   * @param options How long it waits.
   * @returns The id, counted from 1.
   * @throws {RangeError} If the delay is no number.
   */
  add(callback: () => unknown, options: WaitOptions): number {
    const { isRepeated } = options;
    const delay = Math.max(isRepeated ? 1 : 0, Math.floor(options.delay));
    if (Number.isNaN(delay)) {
      throw new RangeError(
        `Cannot set timer: the delay is not a number: ${options.delay}`,
      );
    }
    const id = ++this.#lastId;
    this.#waiting.add(id);
    this.#enqueue({ id, callback, delay, isRepeated, due: this.now + delay });
    return id;
  }

  /**
   * Forgets a timer; an unknown id is ignored.
   *
   * @param id The id that {@linkcode TimerQueue.add} gave.
   */
  clear(id: unknown): void {
    this.#waiting.delete(id as number);
  }

  /**
   * Moves to a time and runs the timers that are due until then.
   *
   * @param time The time, not before now.
   * @throws What a timer throws; the time is then that at which it was due, and
   * the later timers still wait.
   */
  advanceTo(time: number): void {
    let next = this.#heap.peek();
    while (next && next.callAt! <= time) {
      this.#isBrokenOff = true;
      // Sinon's tick() would go on after an error, its next() does not.
      this.#clock.next();
      next = this.#heap.peek();
    }
    this.#isBrokenOff = false;
    this.#clock.now = time;
  }

  /**
   * Finds the next time at which a timer is due.
   *
   * @returns The time, or `undefined` if no timer waits.
   */
  next(): number | undefined {
    this.#isBrokenOff = false;
    let next = this.#heap.peek();
    while (next && !this.#waiting.has(next.args![0] as number)) {
      this.#clock.timers!.delete(this.#heap.pop()!.id!);
      next = this.#heap.peek();
    }
    return next?.callAt;
  }

  #enqueue(timer: Timer): void {
    // Sinon makes 1 ms of a delay above 2 ** 31 - 1, and of 0 within a timer.
    const id = this.#clock.setTimeout(() => this.#run(timer), 0, timer.id);
    const entry = this.#clock.timers!.get(Number(id))!;
    this.#heap.remove(entry);
    entry.callAt = timer.due;
    this.#heap.push(entry);
  }

  #run(timer: Timer): void {
    if (!this.#waiting.has(timer.id)) return;
    if (timer.isRepeated) {
      this.#enqueue({ ...timer, due: timer.due + timer.delay });
    } else {
      this.#waiting.delete(timer.id);
    }
    timer.callback();
  }
}
