/** An entry with a deadline; each candidate adds members. */
export interface Entry {
  /** The index in the batch. */
  readonly index: number;
}

/** A queue of deadlines; times are milliseconds. */
export interface Queue {
  /** Adds an entry that is due `timeout` after `now`. */
  add(index: number, timeout: number, now: number): Entry;
  /** Postpones an entry to its timeout after `now`. */
  touch(entry: Entry, now: number): void;
  /** Removes an entry before it is due. */
  remove(entry: Entry): void;
  /**
   * Removes due entries and reports them, for one slice of time.
   *
   * @returns the time of the next call; Infinity if the queue has its own timers.
   */
  due(): number;
}

/** Called with each entry that is due. */
export type OnDue = (index: number) => void;

/** Milliseconds that a batch may block the event loop, as in timing/expiry_queue.ts. */
export const SLICE = 6;
