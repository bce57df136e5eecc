/** What waits for its deadline; each candidate adds what it needs to know. */
export interface Entry {
  /** Which of the crowd it is. */
  readonly index: number;
}

/** A way of waiting for many deadlines; times are milliseconds. */
export interface Queue {
  /** Adds an entry that is due `timeout` after `now`. */
  add(index: number, timeout: number, now: number): Entry;
  /** Puts the deadline of an entry off until its timeout after `now`. */
  touch(entry: Entry, now: number): void;
  /** Takes an entry out before it is due. */
  remove(entry: Entry): void;
  /**
   * Takes out what is due, and tells of it, for a slice of time at most.
   *
   * @returns when there is more to do; Infinity if it sees to that itself.
   */
  due(): number;
}

/** Told of each entry that is due. */
export type OnDue = (index: number) => void;

/** As in internal/expiry_queue.ts: how long a crowd may hold the event loop. */
export const SLICE = 6;
