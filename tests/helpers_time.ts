/**
 * What the tests share that measure real time.
 *
 * @module
 */

import { assertLess } from "@std/assert";
import type { Clock } from "../mod.ts";

/** The text that the reference of {@linkcode assertQuick} reads. */
const REFERENCE = "a&".repeat(5 * 2 ** 20);

/** What {@linkcode assertQuick} takes for the time of its reference, in ms. */
const REFERENCE_TIME = 10;

/** Reads 10 MiB, one character after the other. */
function readReference(): number {
  let sum = 0;
  for (let at = 0; at < REFERENCE.length; at++) {
    sum = (sum + REFERENCE.charCodeAt(at)) | 0;
  }
  return sum;
}

/** Returns the milliseconds that an act takes. */
async function timeOf(act: () => unknown): Promise<number> {
  const began = performance.now();
  await act();
  return performance.now() - began;
}

/**
 * Fails unless an act takes less than so many milliseconds, one of five times at
 * least, on a machine that reads a text of 10 MiB in 10. It is measured beside
 * that: a slower or busier machine gives it as much more time.
 */
export async function assertQuick(
  limit: number,
  act: () => unknown,
): Promise<void> {
  let ratio = Infinity;
  const most = limit / REFERENCE_TIME;
  for (let times = 0; times < 5 && ratio >= most; times++) {
    const before = await timeOf(readReference);
    const took = await timeOf(act);
    const after = await timeOf(readReference);
    // A faster machine is not asked for more.
    ratio = took / Math.max(REFERENCE_TIME, (before + after) / 2);
  }
  assertLess(ratio, most);
}

/**
 * Resolves when the date shows so many milliseconds more, and one for what servers
 * round off. Timers do not follow a date that is set back.
 */
export async function passDate(milliseconds: number): Promise<void> {
  const until = Date.now() + milliseconds + 1;
  for (let left = until - Date.now(); left > 0; left = until - Date.now()) {
    await new Promise((resolve) => setTimeout(resolve, left));
  }
}

/**
 * Stops `performance.now()` until it is disposed of: pauses of the thread take no
 * time, and move it by the time that they ask for.
 */
export class FakePauses implements Disposable {
  readonly #now = performance.now;
  readonly #wait = Atomics.wait;
  /** The milliseconds of all pauses so far. */
  waited = 0;

  constructor() {
    const began = performance.now();
    performance.now = () => began + this.waited;
    Atomics.wait = (...args: [unknown, number, unknown, number?]) => {
      this.waited += args[3] ?? Infinity;
      return "timed-out";
    };
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
    Atomics.wait = this.#wait;
  }
}

/** When a {@linkcode BlockedClock} begins: 2026-01-01, in UNIX milliseconds. */
const START = 1_767_225_600_000;

/**
 * A clock that stands still until it is moved: with its timers, or without, as
 * for work that blocks the event loop.
 */
export class BlockedClock implements Clock {
  #passed = 0;
  #lastId = 0;
  readonly #timers = new Map<
    number,
    { readonly due: number; readonly callback: () => void }
  >();
  /** Milliseconds by which the date has been changed. */
  dateChange = 0;

  now(): number {
    return START + this.#passed + this.dateChange;
  }

  monotonic(): number {
    return this.#passed;
  }

  setTimeout(callback: () => void, delay: number): unknown {
    const id = ++this.#lastId;
    this.#timers.set(id, { due: this.#passed + delay, callback });
    return id;
  }

  clearTimeout(id: unknown): void {
    this.#timers.delete(id as number);
  }

  /** Lets time go by in which no timer fires. */
  block(milliseconds: number): void {
    this.#passed += milliseconds;
  }

  /** Resolves when so many milliseconds have passed. */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.setTimeout(resolve, milliseconds));
  }

  /** Lets time go by, in which the timers fire in order. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#passed + milliseconds;
    await keepPromises();
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a.due - b.due);
      if (next === undefined) break;
      const [id, { due, callback }] = next;
      if (due > end) break;
      this.#timers.delete(id);
      this.#passed = Math.max(this.#passed, due);
      callback();
      await keepPromises();
    }
    this.#passed = Math.max(this.#passed, end);
  }
}

/** Lets promises be kept that wait for nothing but each other. */
export async function keepPromises(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}
