import type { Clock } from "../../internal/clock.ts";
import { ExpiryQueue } from "../../internal/expiry_queue.ts";
import type { Entry, OnDue, Queue } from "./queue.ts";

interface WheelEntry extends Entry {
  readonly timeout: number;
  row: number;
}

/** Ours: a timing wheel in typed arrays, whose entries are moved lazily. */
export class Wheel implements Queue {
  readonly #clock = new HandDrivenClock();
  readonly #wheel: ExpiryQueue<WheelEntry>;

  constructor(onDue: OnDue) {
    this.#wheel = new ExpiryQueue(this.#clock, (entry) => {
      this.#wheel.remove(entry.row);
      onDue(entry.index);
    });
  }

  add(index: number, timeout: number, now: number): WheelEntry {
    const entry: WheelEntry = { index, timeout, row: 0 };
    entry.row = this.#wheel.add(entry, now + timeout, now);
    return entry;
  }

  touch(entry: WheelEntry, now: number): void {
    this.#wheel.move(entry.row, now + entry.timeout, now);
  }

  remove(entry: WheelEntry): void {
    this.#wheel.remove(entry.row);
  }

  due(): number {
    return this.#clock.fire();
  }
}

/** A clock whose one timer fires when it is told to. */
class HandDrivenClock implements Clock {
  #callback: (() => void) | undefined = undefined;
  #at = Infinity;

  now(): number {
    return Date.now();
  }

  setTimeout(callback: () => void, delay: number): void {
    this.#callback = callback;
    this.#at = this.now() + delay;
  }

  clearTimeout(): void {
    this.#callback = undefined;
    this.#at = Infinity;
  }

  /** Fires the timer if it is due, and answers when the next one is. */
  fire(): number {
    const callback = this.#callback;
    if (callback !== undefined && this.#at <= this.now()) {
      this.clearTimeout();
      callback();
    }
    return this.#at;
  }
}
