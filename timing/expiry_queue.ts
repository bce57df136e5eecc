import { type Clock, LONGEST_DELAY } from "../base/clock.ts";
import { MOVED, NOTHING, TimingWheel } from "./timing_wheel.ts";

/** Milliseconds that a batch of due items may block the event loop. */
const SLICE = 4;

/**
 * Milliseconds after which a batch waits for the timer, between two slices: Deno
 * reads no socket while each slice requests the next turn by a message.
 */
const LONGEST_RUN = 100;

/**
 * The longest wait of the alarm, in milliseconds.
 *
 * Timers measure the time that the machine is awake, and deadlines the time of
 * the clock. So after a sleep of the machine, or when the clock is set, a
 * deadline is late by this at most.
 */
const LONGEST_WAIT = 60_000;

/**
 * Milliseconds after which a timer that has not rung is not trusted, and the next
 * call with a time does its work. Workers drop timers at the end of the request
 * that set them; elsewhere a late timer rings in the next turn.
 *
 * {@linkcode SLEPT} is a rule of its own. In a worker no later turn is certain, so
 * the work is done within the call. Elsewhere that would run callbacks of ends
 * inside a touch of another session, so the alarm only rings sooner.
 */
const OVERDUE: number = globalThis.navigator?.userAgent === "Cloudflare-Workers"
  ? 0
  : Infinity;

/** Steps between two readings of the clock while nothing is due. */
const STEPS_PER_READING = 64;

/**
 * The deadlines of many items, with one timer that is set only while items wait.
 *
 * Times are milliseconds since the epoch, fractions allowed. Callers read the
 * clock and pass its time as `now`.
 */
export class ExpiryQueue<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T, now: number) => void;
  readonly #wheel = new TimingWheel<T>();
  readonly #overdue: number;
  /** Set so that no slot begins before it rings. */
  readonly #alarm: Alarm;
  #isRunning = false;
  /** The last time at which the alarm rang. */
  #rangAt = 0;

  /**
   * @param onDue Called with each item whose deadline has passed, and the time.
   * It must not throw. An entry that it neither removes nor postpones is due
   * again in the next turn of the event loop.
   * @param overdue Milliseconds after which a timer is not trusted.
   */
  constructor(
    clock: Clock,
    onDue: (item: T, now: number) => void,
    overdue = OVERDUE,
  ) {
    this.#clock = clock;
    this.#overdue = overdue;
    this.#onDue = onDue;
    this.#alarm = new Alarm(clock, () => {
      this.#rangAt = clock.now();
      this.#run();
    });
  }

  /** The number of entries, including those that are never due. */
  get size(): number {
    return this.#wheel.size;
  }

  /** Adds an item that is due at `deadline`, and returns its entry. */
  add(item: T, deadline: number, now: number): number {
    if (now >= this.#alarm.time) this.#noteLate(now);
    this.#catchUp(now);
    const entry = this.#wheel.add(item, deadline);
    this.#wakeBy(this.#wheel.place(entry, now), now);
    return entry;
  }

  /** Returns the item of an entry; undefined if the entry was removed. */
  itemAt(entry: number): T | undefined {
    return this.#wheel.itemAt(entry);
  }

  /** Returns the deadline of an entry. */
  deadlineOf(entry: number): number {
    return this.#wheel.dueOf(entry);
  }

  /**
   * Changes the deadline of an entry. A later one costs only the writing of a
   * number.
   */
  move(entry: number, deadline: number, now: number): void {
    const mustMove = this.#wheel.setDue(entry, deadline);
    if (now >= this.#alarm.time) this.#noteLate(now);
    if (!mustMove) return;
    this.#catchUp(now);
    this.#wakeBy(this.#wheel.place(entry, now), now);
  }

  /** Removes an entry, and with the last entry the timer. */
  remove(entry: number): void {
    this.#wheel.remove(entry);
    if (this.#wheel.size === 0 && !this.#isRunning) this.#clear();
  }

  #clear(): void {
    this.#alarm.clear();
    this.#wheel.clear();
  }

  #catchUp(now: number): void {
    if (!this.#isRunning && now < this.#alarm.time) this.#wheel.turnTo(now);
  }

  #wakeBy(time: number, now: number): void {
    if (!this.#isRunning && time < this.#alarm.time) this.#wake(time, now);
  }

  #wake(time: number, now: number): void {
    this.#alarm.setFor(Math.min(time, now + LONGEST_WAIT), now);
  }

  /** Called while the timer is late. */
  #noteLate(now: number): void {
    const { time } = this.#alarm;
    if (now >= time + this.#overdue) return this.#ringLate(now);
    // After a sleep of the machine it rings in the next turn.
    this.#alarm.setFor(time, now);
  }

  /** Does the work of a timer that is late. */
  #ringLate(now: number): void {
    this.#alarm.clear();
    this.#rangAt = now;
    this.#run();
  }

  /** Continues in the next turn of the event loop, if that is before the alarm. */
  #hurry(): void {
    const { time } = this.#alarm;
    this.#clock.nextTurn?.(() => {
      if (this.#alarm.time !== time) return;
      this.#alarm.clear();
      this.#run();
    });
  }

  /** Handles the items that are due, for one slice, and sets the alarm again. */
  #run(): void {
    this.#isRunning = true;
    const began = this.#clock.now();
    const now = this.#workOff(began);
    this.#isRunning = false;
    if (this.#wheel.size === 0) return this.#clear();
    const next = this.#wheel.nextStep();
    if (next === Infinity) return this.#alarm.clear();
    this.#wake(next, now);
    if (next > now || now - began < SLICE) return;
    if (now - this.#rangAt < LONGEST_RUN) this.#hurry();
  }

  #workOff(began: number): number {
    const wheel = this.#wheel;
    let now = began;
    wheel.startTurn();
    for (let steps = 1; now - began < SLICE; steps++) {
      const entry = wheel.step(now);
      if (entry === NOTHING) return now;
      if (entry === MOVED) {
        if (steps % STEPS_PER_READING === 0) now = this.#clock.now();
        continue;
      }
      const item = wheel.itemAt(entry)!;
      this.#onDue(item, now);
      now = this.#clock.now();
      if (wheel.itemAt(entry) === item) wheel.place(entry, now);
    }
    return now;
  }
}

/** Milliseconds after which a timer that has not fired is taken for one that slept. */
const SLEPT = 100;

/**
 * One timer, set for the earliest of the times that were asked for.
 *
 * Times are milliseconds of the clock.
 */
export class Alarm {
  readonly #clock: Clock;
  readonly #onRing: () => void;
  #timer: unknown = undefined;
  /** Whether the timer rings in the next turn. */
  #isSoon = false;
  /** The time for which the alarm is set; Infinity while it is not set. */
  time = Infinity;

  /** @param onRing Called once each time that the alarm is set and rings. */
  constructor(clock: Clock, onRing: () => void) {
    this.#clock = clock;
    this.#onRing = onRing;
  }

  /**
   * Sets the alarm, unless it is set for an earlier time already. If its timer is
   * late by more than 100 ms, after a sleep of the machine for example, the alarm
   * rings in the next turn.
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
    const isOverdue = this.time < now - SLEPT && !this.#isSoon;
    if (time >= this.time && !isOverdue) return;
    this.clear();
    if (isOverdue) time = Math.min(time, now);
    const delay = Math.min(Math.max(0, Math.ceil(time - now)), LONGEST_DELAY);
    this.time = time;
    this.#isSoon = delay === 0;
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
