/**
 * What the tests share that measure real time.
 *
 * @module
 */

import { assertLess } from "@std/assert";
import type { Clock } from "../mod.ts";

/**
 * Fails unless an act takes less than so many milliseconds, one of five times at
 * least: on a busy machine any may be interrupted, and what is slow always takes
 * longer.
 */
export async function assertQuick(
  limit: number,
  act: () => unknown,
): Promise<void> {
  let took = Infinity;
  for (let times = 0; times < 5 && took >= limit; times++) {
    const began = performance.now();
    await act();
    took = performance.now() - began;
  }
  assertLess(took, limit);
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
