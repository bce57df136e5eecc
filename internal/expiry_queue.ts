/**
 * One timer for all the deadlines of a site.
 *
 * What is asked of it: a deadline may be put off a million times for each time
 * it comes, so putting off must cost no more than writing a number; no end may
 * be early, and none late by more than the event loop is; a million deadlines
 * at one instant must not hold up the requests; and an entry must be small.
 *
 * How: a hierarchical timing wheel (Varghese and Lauck, 1987) whose entries are
 * moved lazily. Times are whole milliseconds. A slot of level 0 is one of them,
 * a slot of level 1 is 32, of level 2 1,024, and so on:
 *
 *     level 2   [ . | . | A | . | .  ...  ]   1.024 s a slot
 *                 ^
 *     level 1   [ . | . | . | B | .  ...  ]   32 ms a slot
 *                     ^
 *     level 0   [ . | C | . | . | .  ...  ]   1 ms a slot
 *                 ^ #time
 *
 * An entry lies in the lowest level whose whole turn still includes both it and
 * `#time`. So the first slot with anything in it, looked for from level 0
 * upwards, is the next that matters, and the timer is set for its beginning.
 * When that comes, `#time` moves there and the slot is emptied into `PENDING`,
 * from which each entry goes to a lower level, nearer to its deadline, until it
 * comes out of level 0 at its very millisecond. That is at most one move for
 * each factor of 32 in its timeout.
 *
 * A deadline put off is only noted: its entry stays where it is, too early, and
 * finds its new place when its slot comes up. Only one moved forward is placed
 * at once. The deadline that counts is always the noted one.
 *
 * The columns are typed arrays, one row an entry, because the collector need
 * not look at them: links between a million objects would be traced by every
 * major collection, and written through a barrier. The first rows are no entries
 * but the heads of the slots' circular lists, so that taking an entry out needs
 * no knowledge of the slot that it is in.
 */

import type { Clock } from "./clock.ts";

/** Slots in a level. */
const SLOTS = 32;

/** Levels that reach beyond the last Date (2^53 ms), with whole slots. */
const LEVELS = 11;

/** Milliseconds in a slot of each level. */
const SPAN = Float64Array.from(
  { length: LEVELS },
  (_, level) => SLOTS ** level,
);

/** The head of the list of those whose slot has come up. */
const PENDING = SLOTS * LEVELS;

/** The first row that can hold an entry. */
const FIRST_ROW = PENDING + 1;

/** Rows to begin with: the heads, and some entries before it must grow. */
const SMALLEST = 512;

/**
 * Milliseconds that a crowd may hold the event loop before it is let go.
 *
 * Letting go costs a timer turn of 1 to 2 ms in Deno, so much less would spend
 * more time waiting than working; much more is felt by the requests.
 */
const SLICE = 6;

/**
 * The longest that the timer is set for, in milliseconds.
 *
 * Timers count the time that the machine is awake, deadlines go by the clock:
 * after a sleep or a step of the clock, ends are late by this at most. It also
 * keeps clear of 2^31-1 ms, beyond which timers fire at once.
 */
const LONGEST_WAIT = 60_000;

/** Moves between two looks at the clock while a slot is emptied. */
const MOVES_PER_LOOK = 64;

/** Milliseconds; whatever is due later than any Date never is. */
const FURTHEST = 2 ** 53;

/**
 * Deadlines of many items, with one timer that is set only while one waits.
 *
 * A row number, handed out by {@linkcode ExpiryQueue.add}, names an entry until
 * it is removed; then it may name another. Times are milliseconds since the
 * epoch, fractions allowed; `now` is the clock's time, which callers have read.
 */
export class ExpiryQueue<T> {
  readonly #clock: Clock;
  readonly #onDue: (item: T) => void;

  #deadline = new Float64Array(SMALLEST);
  #next = new Int32Array(SMALLEST);
  #previous = new Int32Array(SMALLEST);
  #item: (T | undefined)[] = [];
  /** The first of the removed rows, chained by #next, or 0. */
  #free = 0;
  /** Rows that have ever been used, heads included. */
  #used = FIRST_ROW;
  #size = 0;

  /** Where the wheel stands: what was due before has been taken out. */
  #time = 0;
  #timer: unknown = undefined;
  /** When the timer will fire, Infinity without one; no slot begins before. */
  #wakeAt = Infinity;
  #isRunning = false;

  /**
   * @param clock Where the time comes from.
   * @param onDue Called with each item whose deadline has come; must not
   * throw. An entry that it neither removes nor puts off is due again in the
   * next timer turn.
   */
  constructor(clock: Clock, onDue: (item: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#clear();
  }

  /** How many entries there are, those that never come due included. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item that is due at `deadline`, and answers the entry's row. */
  add(item: T, deadline: number, now: number): number {
    let row = this.#free;
    if (row !== 0) {
      this.#free = this.#next[row]!;
    } else {
      row = this.#used++;
      if (row === this.#deadline.length) this.#resize(row * 2);
    }
    this.#item[row] = item;
    this.#deadline[row] = deadline;
    this.#next[row] = this.#previous[row] = row;
    this.#size++;
    this.#place(row, now);
    return row;
  }

  /** When an entry is due. */
  deadlineOf(row: number): number {
    return this.#deadline[row]!;
  }

  /** Gives an entry another deadline; putting it off only writes a number. */
  move(row: number, deadline: number, now: number): void {
    const isEarlier = deadline < this.#deadline[row]!;
    this.#deadline[row] = deadline;
    if (isEarlier) this.#place(row, now);
  }

  /** Takes an entry out; the timer goes with the last one. */
  remove(row: number): void {
    this.#unlink(row);
    this.#item[row] = undefined;
    this.#next[row] = this.#free;
    this.#free = row;
    if (--this.#size === 0 && !this.#isRunning) this.#clear();
  }

  /** Makes the queue as new, memory included. */
  #clear(): void {
    this.#sleep();
    if (this.#deadline.length > SMALLEST) this.#resize(SMALLEST);
    this.#item = [];
    this.#free = 0;
    this.#used = FIRST_ROW;
    this.#emptySlots();
  }

  #resize(length: number): void {
    const deadline = new Float64Array(length);
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    const kept = Math.min(length, this.#deadline.length);
    deadline.set(this.#deadline.subarray(0, kept));
    next.set(this.#next.subarray(0, kept));
    previous.set(this.#previous.subarray(0, kept));
    this.#deadline = deadline;
    this.#next = next;
    this.#previous = previous;
  }

  #emptySlots(): void {
    for (let head = 0; head < FIRST_ROW; head++) {
      this.#next[head] = this.#previous[head] = head;
    }
  }

  #unlink(row: number): void {
    const next = this.#next[row]!;
    const previous = this.#previous[row]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#next[row] = this.#previous[row] = row;
  }

  /** Puts an entry, wherever it was, into the slot for its deadline. */
  #place(row: number, now: number): void {
    this.#unlink(row);
    let due = Math.ceil(this.#deadline[row]!);
    if (due >= FURTHEST) return;
    // Nothing begins before #wakeAt, so the wheel may stand anywhere before it.
    if (!this.#isRunning && now < this.#wakeAt && now > this.#time) {
      this.#time = Math.floor(now);
    }
    if (due < this.#time) {
      if (now < this.#time) return this.#turnBack(now);
      due = this.#time;
    }

    let level = 0;
    let place = due;
    let hand = this.#time;
    let turn = Math.floor(place / SLOTS);
    let turnOfHand = Math.floor(hand / SLOTS);
    while (turn !== turnOfHand) {
      level++;
      place = turn;
      hand = turnOfHand;
      turn = Math.floor(place / SLOTS);
      turnOfHand = Math.floor(hand / SLOTS);
    }
    const head = level * SLOTS + place - turn * SLOTS;
    const last = this.#previous[head]!;
    this.#next[last] = row;
    this.#previous[row] = last;
    this.#next[row] = head;
    this.#previous[head] = row;

    if (this.#isRunning) return;
    const begin = place * SPAN[level]!;
    if (begin < this.#wakeAt) this.#wake(begin, now);
  }

  /** Places all anew: the clock went back to where the wheel no longer stands. */
  #turnBack(now: number): void {
    this.#emptySlots();
    this.#time = Math.floor(now);
    for (let row = FIRST_ROW; row < this.#used; row++) {
      if (this.#item[row] === undefined) continue;
      this.#next[row] = this.#previous[row] = row;
      this.#place(row, now);
    }
  }

  /** The head of the first slot that is not empty, or PENDING. */
  #firstSlot(): number {
    let hand = this.#time;
    for (let level = 0; level < LEVELS; level++) {
      const turn = Math.floor(hand / SLOTS);
      const end = (level + 1) * SLOTS;
      for (let head = end - SLOTS + hand - turn * SLOTS; head < end; head++) {
        if (this.#next[head] !== head) return head;
      }
      hand = turn;
    }
    return PENDING;
  }

  /** When a slot begins. */
  #beginOf(head: number): number {
    const level = Math.floor(head / SLOTS);
    const span = SPAN[level]!;
    const turn = Math.floor(this.#time / (span * SLOTS));
    return (turn * SLOTS + head % SLOTS) * span;
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

  /** Works off what is due, a slice at a time, and sets the timer for the rest. */
  readonly #run = (): void => {
    this.#timer = undefined;
    this.#isRunning = true;
    const began = this.#clock.now();
    const now = this.#workOff(began);
    this.#isRunning = false;
    if (this.#size === 0) return this.#clear();

    if (this.#next[PENDING] !== PENDING) return this.#wake(now, now);
    const head = this.#firstSlot();
    if (head === PENDING) return this.#sleep();
    this.#wake(this.#beginOf(head), now);
  };

  /** Empties slot after slot until the present or the end of a slice. */
  #workOff(began: number): number {
    let now = began;
    let moves = 0;
    let emptied = -1;
    for (;;) {
      for (;;) {
        const row = this.#next[PENDING]!;
        if (row === PENDING) break;
        if (now - began >= SLICE) return now;
        if (Math.ceil(this.#deadline[row]!) > this.#time) {
          this.#place(row, now);
          if (++moves % MOVES_PER_LOOK === 0) now = this.#clock.now();
          continue;
        }
        this.#unlink(row);
        const item = this.#item[row]!;
        this.#onDue(item);
        now = this.#clock.now();
        if (this.#item[row] === item) this.#place(row, now);
      }
      const head = this.#firstSlot();
      if (head === PENDING) return now;
      const begin = this.#beginOf(head);
      // What joins a slot while it is worked off waits for the next turn.
      if (begin > now || begin === emptied) return now;
      this.#time = emptied = begin;
      this.#makePending(head);
    }
  }

  #makePending(head: number): void {
    const first = this.#next[head]!;
    const last = this.#previous[head]!;
    this.#next[head] = this.#previous[head] = head;
    this.#next[PENDING] = first;
    this.#previous[first] = PENDING;
    this.#next[last] = PENDING;
    this.#previous[PENDING] = last;
  }
}
