import type { Clock } from "../../base/clock.ts";
import { ExpiryQueue } from "../../timing/expiry_queue.ts";
import type { Entry, OnDue, Queue } from "./queue.ts";

interface WheelEntry extends Entry {
  readonly timeout: number;
  handle: number;
}

/** The queue of the product: a timing wheel in typed arrays with lazy moves. */
export class Wheel implements Queue {
  readonly #clock = new HandDrivenClock();
  readonly #wheel: ExpiryQueue<WheelEntry>;

  constructor(onDue: OnDue) {
    this.#wheel = new ExpiryQueue(this.#clock, (entry) => {
      this.#wheel.remove(entry.handle);
      onDue(entry.index);
    });
  }

  add(index: number, timeout: number, now: number): WheelEntry {
    const entry: WheelEntry = { index, timeout, handle: 0 };
    entry.handle = this.#wheel.add(entry, now + timeout, now);
    return entry;
  }

  touch(entry: WheelEntry, now: number): void {
    this.#wheel.move(entry.handle, now + entry.timeout, now);
  }

  remove(entry: WheelEntry): void {
    this.#wheel.remove(entry.handle);
  }

  due(): number {
    return this.#clock.fire();
  }
}

/** A clock with one timer, which fires by a call of fire(). */
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

  /** Fires the timer if it is due, and returns the time of the next one. */
  fire(): number {
    const callback = this.#callback;
    if (callback !== undefined && this.#at <= this.now()) {
      this.clearTimeout();
      callback();
    }
    return this.#at;
  }
}
