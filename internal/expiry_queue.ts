import type { Clock } from "./clock.ts";
import { MOVED, NOTHING, TimingWheel } from "./timing_wheel.ts";

/** Milliseconds that a crowd may hold the event loop before it is let go. */
const SLICE = 4;

/**
 * Milliseconds after which a crowd waits for the timer: Deno reads no socket while
 * each slice asks for the next turn by a message.
 */
const LONGEST_RUN = 100;

/**
 * The longest that the timer is set for, in milliseconds.
 *
 * Timers count the time that the machine is awake, deadlines go by the clock:
 * after a sleep or a step of the clock, ends are late by this at most. It also
 * keeps clear of 2^31-1 ms, beyond which timers fire at once.
 */
const LONGEST_WAIT = 60_000;

/** Steps between two looks at the clock while nothing is due. */
const STEPS_PER_LOOK = 64;

/**
 * Deadlines of many items, with one timer that is set only while one waits.
 *
 * Times are milliseconds since the epoch, fractions allowed; `now` is the clock's
 * time, which callers have read.
 */
export class ExpiryQueue<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T, now: number) => void;
  readonly #wheel = new TimingWheel<T>();
  #timer: unknown = undefined;
  /** When the timer will fire, Infinity without one; no slot begins before. */
  #wakeAt = Infinity;
  #isRunning = false;
  /** When the timer fired last. */
  #firedAt = 0;

  /**
   * @param clock Where the time comes from.
   * @param onDue Called with each item whose deadline has come, and the time;
   * must not throw. An entry that it neither removes nor puts off is due again in
   * the next timer turn.
   */
  constructor(clock: Clock, onDue: (item: T, now: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** How many entries there are, those that never come due included. */
  get size(): number {
    return this.#wheel.size;
  }

  /** Adds an item that is due at `deadline`, and answers the entry's row. */
  add(item: T, deadline: number, now: number): number {
    this.#catchUp(now);
    const row = this.#wheel.add(item, deadline);
    this.#wakeInTime(this.#wheel.place(row, now), now);
    return row;
  }

  /** The item of an entry. */
  itemAt(row: number): T | undefined {
    return this.#wheel.itemAt(row);
  }

  /** When an entry is due. */
  deadlineOf(row: number): number {
    return this.#wheel.dueOf(row);
  }

  /** Gives an entry another deadline; putting it off only writes a number. */
  move(row: number, deadline: number, now: number): void {
    if (!this.#wheel.note(row, deadline)) return;
    this.#catchUp(now);
    this.#wakeInTime(this.#wheel.place(row, now), now);
  }

  /** Takes an entry out; the timer goes with the last one. */
  remove(row: number): void {
    this.#wheel.remove(row);
    if (this.#wheel.size === 0 && !this.#isRunning) this.#clear();
  }

  #clear(): void {
    this.#sleep();
    this.#wheel.clear();
  }

  /** Nothing begins before #wakeAt, so the wheel may stand anywhere before it. */
  #catchUp(now: number): void {
    if (!this.#isRunning && now < this.#wakeAt) this.#wheel.turnTo(now);
  }

  #wakeInTime(at: number, now: number): void {
    if (!this.#isRunning && at < this.#wakeAt) this.#wake(at, now);
  }

  #wake(at: number, now: number): void {
    this.#sleep();
    const delay = Math.min(Math.max(0, Math.ceil(at - now)), LONGEST_WAIT);
    this.#wakeAt = Math.min(at, now + delay);
    this.#timer = this.#clock.setTimeout(this.#run, delay);
  }

  #sleep(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wakeAt = Infinity;
  }

  /** Goes on in the next turn if that comes before the timer, as it should. */
  #hurry(): void {
    const timer = this.#timer;
    this.#clock.nextTurn?.(() => {
      if (this.#timer !== timer) return;
      this.#clock.clearTimeout(timer);
      this.#work();
    });
  }

  readonly #run = (): void => {
    this.#firedAt = this.#clock.now();
    this.#work();
  };

  /** Works off what is due, a slice at a time, and sets the timer for the rest. */
  #work(): void {
    this.#timer = undefined;
    this.#isRunning = true;
    const began = this.#clock.now();
    const now = this.#workOff(began);
    this.#isRunning = false;
    if (this.#wheel.size === 0) return this.#clear();
    const next = this.#wheel.nextStep();
    if (next === Infinity) return this.#sleep();
    this.#wake(next, now);
    if (next > now || now - began < SLICE) return;
    if (now - this.#firedAt < LONGEST_RUN) this.#hurry();
  }

  #workOff(began: number): number {
    const wheel = this.#wheel;
    let now = began;
    wheel.startTurn();
    for (let steps = 1; now - began < SLICE; steps++) {
      const row = wheel.step(now);
      if (row === NOTHING) return now;
      if (row === MOVED) {
        if (steps % STEPS_PER_LOOK === 0) now = this.#clock.now();
        continue;
      }
      const item = wheel.itemAt(row)!;
      this.#onDue(item, now);
      now = this.#clock.now();
      if (wheel.itemAt(row) === item) wheel.place(row, now);
    }
    return now;
  }
}
