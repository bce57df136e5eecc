/**
 * Items in the order of a time that each has, and that is mostly put off.
 *
 * What is asked of it: a time may be put off a million times for each time that
 * it comes, so putting off must cost no more than writing a number; taking out
 * the next must not cost more the more there are; and an entry must be small.
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
 * upwards, is the next that matters. When its beginning comes, `#time` moves
 * there and the slot is emptied into `PENDING`, from which each entry goes to a
 * lower level, nearer to its time, until it comes out of level 0 at its very
 * millisecond. That is at most one move for each factor of 32 in its waiting.
 *
 * A time put off is only noted: its entry stays where it is, too early, and
 * finds its new place when its slot comes up. Only one moved forward is placed
 * at once. The time that counts is always the noted one.
 *
 * The columns are typed arrays, one row an entry, because the collector need
 * not look at them: links between a million objects would be traced by every
 * major collection, and written through a barrier. The first rows are no entries
 * but the heads of the slots' circular lists, so that taking an entry out needs
 * no knowledge of the slot that it is in.
 */

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

/** Milliseconds; what is later than any Date never comes. */
const FURTHEST = 2 ** 53;

/** What {@linkcode TimingWheel.step} answers instead of a row. */
export const NOTHING = 0;

/** Likewise: some entry has come nearer, and there is more to do. */
export const MOVED = 1;

/**
 * Entries in the order of their times, in milliseconds since the epoch.
 *
 * A row number, handed out by {@linkcode TimingWheel.add}, names an entry until
 * it is removed; then it may name another.
 */
export class TimingWheel<T> {
  #due = new Float64Array(SMALLEST);
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
  /** The slot that was emptied last in this turn. */
  #emptied = -1;

  constructor() {
    this.#emptySlots();
  }

  /** How many entries there are, those that never come included. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item whose time is `due`, fractions allowed.
   *
   * @returns its row, which is to be placed.
   */
  add(item: T, due: number): number {
    let row = this.#free;
    if (row !== 0) {
      this.#free = this.#next[row]!;
    } else {
      row = this.#used++;
      if (row === this.#due.length) this.#resize(row * 2);
    }
    this.#item[row] = item;
    this.#due[row] = due;
    this.#next[row] = this.#previous[row] = row;
    this.#size++;
    return row;
  }

  /** The item in a row; undefined if it has been removed. */
  itemAt(row: number): T | undefined {
    return this.#item[row];
  }

  /** When an entry is due. */
  dueOf(row: number): number {
    return this.#due[row]!;
  }

  /**
   * Notes another time for an entry.
   *
   * @returns whether it is earlier: the entry has to be placed then.
   */
  note(row: number, due: number): boolean {
    const isEarlier = due < this.#due[row]!;
    this.#due[row] = due;
    return isEarlier;
  }

  /** Takes an entry out. */
  remove(row: number): void {
    this.#unlink(row);
    this.#item[row] = undefined;
    this.#next[row] = this.#free;
    this.#free = row;
    this.#size--;
  }

  /** Makes an empty wheel as new, memory included. */
  clear(): void {
    if (this.#due.length > SMALLEST) this.#resize(SMALLEST);
    this.#item = [];
    this.#free = 0;
    this.#used = FIRST_ROW;
    this.#emptySlots();
  }

  /** Lets the wheel stand at `now`, before which no slot may begin. */
  turnTo(now: number): void {
    if (now > this.#time) this.#time = Math.floor(now);
  }

  /**
   * Puts an entry, wherever it was, into the slot for its time.
   *
   * @returns when that slot, or one before it, begins.
   */
  place(row: number, now: number): number {
    this.#unlink(row);
    let due = Math.ceil(this.#due[row]!);
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
    this.#next[last] = row;
    this.#previous[row] = last;
    this.#next[row] = head;
    this.#previous[head] = row;
    return place * SPAN[level]!;
  }

  /** When the next step can be taken; Infinity if there is none to take. */
  nextStep(): number {
    if (this.#next[PENDING] !== PENDING) return this.#time;
    const head = this.#firstSlot();
    return head === PENDING ? Infinity : this.#beginOf(head);
  }

  /** Begins a turn, to which what it adds for its own end does not belong. */
  startTurn(): void {
    this.#emptied = -1;
  }

  /**
   * Takes one step towards `now`.
   *
   * @returns the row of an entry that is due, which is in no slot any more: it is
   * to be removed or placed; or NOTHING, or MOVED.
   */
  step(now: number): number {
    const row = this.#next[PENDING]!;
    if (row !== PENDING) {
      if (Math.ceil(this.#due[row]!) > this.#time) {
        this.place(row, now);
        return MOVED;
      }
      this.#unlink(row);
      return row;
    }
    const head = this.#firstSlot();
    if (head === PENDING) return NOTHING;
    const begin = this.#beginOf(head);
    if (begin > now || begin === this.#emptied) return NOTHING;
    this.#time = this.#emptied = begin;
    this.#makePending(head);
    return MOVED;
  }

  /** The rows of the first slots, up to so many; they may be removed meanwhile. */
  *firstRows(count: number): Generator<number> {
    for (let left = count; left > 0;) {
      const isPending = this.#next[PENDING] !== PENDING;
      const head = isPending ? PENDING : this.#firstSlot();
      let row = this.#next[head]!;
      if (row === head) return;
      while (row !== head && left-- > 0) {
        const next = this.#next[row]!;
        yield row;
        row = next;
      }
      // What is left of a slot is not looked at twice.
      if (this.#next[head] !== head) return;
    }
  }

  #resize(length: number): void {
    const due = new Float64Array(length);
    const next = new Int32Array(length);
    const previous = new Int32Array(length);
    const kept = Math.min(length, this.#due.length);
    due.set(this.#due.subarray(0, kept));
    next.set(this.#next.subarray(0, kept));
    previous.set(this.#previous.subarray(0, kept));
    this.#due = due;
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

  /** Places all anew: the clock went back to where the wheel no longer stands. */
  #turnBack(now: number): void {
    this.#emptySlots();
    this.#time = Math.floor(now);
    for (let row = FIRST_ROW; row < this.#used; row++) {
      if (this.#item[row] === undefined) continue;
      this.#next[row] = this.#previous[row] = row;
      this.place(row, now);
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
