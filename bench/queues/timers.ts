import type { Entry, OnDue, Queue } from "./queue.ts";

interface TimerEntry extends Entry {
  readonly timeout: number;
  timer: ReturnType<typeof setTimeout>;
}

/** A timer for each entry; a touch clears it and sets another one. */
export class Timers implements Queue {
  readonly #onDue: OnDue;

  constructor(onDue: OnDue) {
    this.#onDue = onDue;
  }

  add(index: number, timeout: number, now: number): TimerEntry {
    return { index, timeout, timer: this.#set(index, now + timeout) };
  }

  touch(entry: TimerEntry, now: number): void {
    clearTimeout(entry.timer);
    entry.timer = this.#set(entry.index, now + entry.timeout);
  }

  remove(entry: TimerEntry): void {
    clearTimeout(entry.timer);
  }

  due(): number {
    return Infinity;
  }

  #set(index: number, deadline: number): TimerEntry["timer"] {
    const delay = Math.max(0, Math.ceil(deadline - Date.now()));
    return setTimeout(this.#onDue, delay, index);
  }
}
