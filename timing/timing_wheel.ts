/**
 * A queue of items, each with a time that callers postpone often.
 *
 * Postponing must cost no more than writing a number. The cost of removing the
 * next entry must not grow with the number of entries. An entry must be small.
 *
 * The structure is a hierarchical timing wheel (Varghese and Lauck, 1987) whose
 * entries move lazily. Times are whole milliseconds. A slot spans 1 ms in level 0,
 * 32 ms in level 1, 1,024 ms in level 2, and so on:
 *
 *     level 2   [ . | . | A | . | .  ...  ]   1.024 s a slot
 *                 ^
 *     level 1   [ . | . | . | B | .  ...  ]   32 ms a slot
 *                     ^
 *     level 0   [ . | C | . | . | .  ...  ]   1 ms a slot
 *                 ^ #time
 *
 * An entry is in the lowest level where one turn of the wheel contains both the
 * entry's time and `#time`. So the next slot to process is the first slot that is
 * not empty, searched from level 0 upwards. When that slot begins, `#time` moves
 * there and the slot is emptied into `PENDING`. From there each entry goes to a
 * lower level: at most one move for each factor of 32 in its wait.
 *
 * A postponed entry stays in its slot, which is too early, and is placed again
 * when that slot comes. An entry that is moved forward is placed at once.
 *
 * The columns are typed arrays, and an entry is an index into them: the garbage
 * collector would trace links between a million objects, and skips typed arrays.
 * The first indexes are the heads of the slots' circular lists, so an entry can
 * be unlinked without knowing its slot.
 */

/** Slots in each level. */
const SLOTS = 32;
/** Levels: enough to reach beyond the last Date (2^53 ms). */
const LEVELS = 11;
/** Milliseconds that one slot spans, by level. */
const SPAN = Float64Array.from({ length: LEVELS }, (_, i) => SLOTS ** i);

/** The head of the list of entries whose slot has come. */
const PENDING = SLOTS * LEVELS;
/** The lowest index of an entry. */
const FIRST_ENTRY = PENDING + 1;

/** Length of the columns of an empty wheel: the heads, and some entries. */
const SMALLEST = 512;

/** Milliseconds; an entry that is due at this time, or later, never comes. */
const FURTHEST = 2 ** 53;

/** Returned by {@linkcode TimingWheel.step}: no step can be taken now. */
export const NOTHING = 0;
/** Returned by {@linkcode TimingWheel.step}: entries moved, call it again. */
export const MOVED = 1;

/**
 * Entries in the order of their times, in milliseconds since the epoch.
 *
 * {@linkcode TimingWheel.add} returns an entry as a number, and may return the
 * number again after the entry was removed.
 */
export class TimingWheel<T> {
  #due = new Float64Array(SMALLEST);
  #next = new Int32Array(SMALLEST);
  #previous = new Int32Array(SMALLEST);
  #item: (T | undefined)[] = [];
  /** The first removed entry, or 0; #next links it to the others. */
  #free = 0;
  /** The length of the used part of the columns, heads included. */
  #used = FIRST_ENTRY;
  #size = 0;
  /** The wheel's time: every entry that was due before it has been removed. */
  #time = 0;
  /** The beginning of the slot that this turn emptied last, or -1. */
  #emptied = -1;

  constructor() {
    this.#emptySlots();
  }

  /** The number of entries, including those that never come. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item that is due at `due`, fractions allowed.
   *
   * @returns the entry, which the caller must place.
   */
  add(item: T, due: number): number {
    let entry = this.#free;
    if (entry !== 0) {
      this.#free = this.#next[entry]!;
    } else {
      entry = this.#used++;
      if (entry === this.#due.length) this.#resize(entry * 2);
    }
    this.#item[entry] = item;
    this.#due[entry] = due;
    this.#next[entry] = this.#previous[entry] = entry;
    this.#size++;
    return entry;
  }

  /** Returns the item of an entry; undefined if the entry was removed. */
  itemAt(entry: number): T | undefined {
    return this.#item[entry];
  }

  /** Returns the time at which an entry is due. */
  dueOf(entry: number): number {
    return this.#due[entry]!;
  }

  /** Writes an entry's time. Returns true if it is earlier: then place the entry. */
  setDue(entry: number, due: number): boolean {
    const isEarlier = due < this.#due[entry]!;
    this.#due[entry] = due;
    return isEarlier;
  }

  /** Removes an entry. */
  remove(entry: number): void {
    this.#unlink(entry);
    this.#item[entry] = undefined;
    this.#next[entry] = this.#free;
    this.#free = entry;
    this.#size--;
  }

  /** Resets an empty wheel, and releases its memory. */
  clear(): void {
    if (this.#due.length > SMALLEST) this.#resize(SMALLEST);
    this.#item = [];
    this.#free = 0;
    this.#used = FIRST_ENTRY;
    this.#emptySlots();
  }

  /** Advances the wheel's time to `now`; no slot may begin before `now`. */
  turnTo(now: number): void {
    if (now > this.#time) this.#time = Math.floor(now);
  }

  /**
   * Moves an entry into the slot for its time.
   *
   * @returns the time at which that slot, or an earlier one, begins.
   */
  place(entry: number, now: number): number {
    this.#unlink(entry);
    let due = Math.ceil(this.#due[entry]!);
    if (due >= FURTHEST) return Infinity;
    if (due < this.#time) {
      if (now < this.#time) {
        this.#turnBack(now);
        return this.nextStep();
      }
      due = this.#time;
    }

    let level = 0;
    let place = due;
    let turn = Math.floor(place / SLOTS);
    let turnOfHand = Math.floor(this.#time / SLOTS);
    while (turn !== turnOfHand) {
      level++;
      place = turn;
      turn = Math.floor(place / SLOTS);
      turnOfHand = Math.floor(turnOfHand / SLOTS);
    }
    const head = level * SLOTS + place - turn * SLOTS;
    const last = this.#previous[head]!;
    this.#next[last] = entry;
    this.#previous[entry] = last;
    this.#next[entry] = head;
    this.#previous[head] = entry;
    return place * SPAN[level]!;
  }

  /** Returns the time of the next step; Infinity if no step is left. */
  nextStep(): number {
    if (this.#next[PENDING] !== PENDING) return this.#time;
    const head = this.#firstSlot();
    return head === PENDING ? Infinity : this.#beginOf(head);
  }

  /** Begins a turn. Entries added for its last millisecond wait for the next turn. */
  startTurn(): void {
    this.#emptied = -1;
  }

  /**
   * Takes one step towards `now`.
   *
   * @returns an entry that is due, or MOVED, or NOTHING. The due entry has left
   * its slot, and the caller must remove or place it.
   */
  step(now: number): number {
    const entry = this.#next[PENDING]!;
    if (entry !== PENDING) {
      if (Math.ceil(this.#due[entry]!) > this.#time) {
        this.place(entry, now);
        return MOVED;
      }
      this.#unlink(entry);
      return entry;
    }
    const head = this.#firstSlot();
    if (head === PENDING) return NOTHING;
    const begin = this.#beginOf(head);
    if (begin > now || begin === this.#emptied) return NOTHING;
    this.#time = this.#emptied = begin;
    const first = this.#next[head]!;
    const last = this.#previous[head]!;
    this.#next[head] = this.#previous[head] = head;
    this.#next[PENDING] = first;
    this.#previous[first] = PENDING;
    this.#next[last] = PENDING;
    this.#previous[PENDING] = last;
    return MOVED;
  }

  /** Returns the head of the first list that has entries, or of an empty one. */
  firstList(): number {
    return this.#next[PENDING] === PENDING ? this.#firstSlot() : PENDING;
  }

  /** Returns the entry after another one, or after a head; the last leads back. */
  after(entry: number): number {
    return this.#next[entry]!;
  }

  #resize(length: number): void {
    const due = new Float64Array(length);
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    due.set(this.#due.subarray(0, length));
    next.set(this.#next.subarray(0, length));
    previous.set(this.#previous.subarray(0, length));
    this.#due = due;
    this.#next = next;
    this.#previous = previous;
  }

  #emptySlots(): void {
    for (let head = 0; head < FIRST_ENTRY; head++) {
      this.#next[head] = this.#previous[head] = head;
    }
  }

  #unlink(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#next[entry] = this.#previous[entry] = entry;
  }

  /** Places every entry again, after the clock was set back before #time. */
  #turnBack(now: number): void {
    this.#emptySlots();
    this.#time = Math.floor(now);
    for (let entry = FIRST_ENTRY; entry < this.#used; entry++) {
      if (this.#item[entry] === undefined) continue;
      this.#next[entry] = this.#previous[entry] = entry;
      this.place(entry, now);
    }
  }

  /** Returns the head of the first slot that is not empty, or PENDING. */
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

  /** Returns the time at which a slot begins. */
  #beginOf(head: number): number {
    const level = Math.floor(head / SLOTS);
    const span = SPAN[level]!;
    const turn = Math.floor(this.#time / (span * SLOTS));
    return (turn * SLOTS + head % SLOTS) * span;
  }
}
