/**
 * What the tests of real time share that a stalled machine would break.
 *
 * @module
 */

import process from "node:process";

/** The real timers, whatever a test fakes. */
const { setInterval, clearInterval } = globalThis;

/** Milliseconds between two looks at the time. */
const LOOK_EVERY = 50;

/** The shortest stall in milliseconds that excuses a failure. */
const STALL = 100;

/** The most attempts at a test. */
const ATTEMPTS = 4;

/** Measures the longest time in which this process could not run, and did not work. */
class StallWatch implements Disposable {
  readonly #now = performance.now.bind(performance);
  readonly #timer = setInterval(() => this.#look(), LOOK_EVERY);
  #lookedAt = this.#now();
  #worked = workOf();
  #longest = 0;

  /** Milliseconds of the longest stall so far. */
  get longest(): number {
    this.#look();
    return this.#longest;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const [now, worked] = [this.#now(), workOf()];
    const idle = now - this.#lookedAt - (worked - this.#worked);
    this.#longest = Math.max(this.#longest, idle - LOOK_EVERY);
    [this.#lookedAt, this.#worked] = [now, worked];
  }
}

/** Returns the milliseconds for which this process has used a processor. */
function workOf(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Returns a test that is run again when it fails after the machine has stalled, four
 * times at most: sessions, leases and answers may have been late then without a
 * fault. A test that fails without a stall, or each time, fails.
 *
 * @param fn The test; it must be able to run twice.
 */
export function repeatedIfStalled<T extends unknown[]>(
  fn: (...args: T) => void | Promise<void>,
): (...args: T) => Promise<void> {
  return async (...args) => {
    for (let attempt = 1;; attempt++) {
      using watch = new StallWatch();
      try {
        return await fn(...args);
      } catch (error) {
        const stall = watch.longest;
        if (stall < STALL || attempt === ATTEMPTS) throw error;
        console.warn(
          `Run again, since the machine stalled for ${stall.toFixed()} ms:`,
          error,
        );
      }
    }
  };
}
