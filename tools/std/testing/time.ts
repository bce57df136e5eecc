/**
 * Fake time for tests, which the test moves.
 *
 * It has the names, types and behaviour of std's `testing/time`, written anew
 * because no npm package carries that one.
 *
 * @module
 */

import { TimerQueue } from "./timer_queue.ts";

/** Options of {@linkcode FakeTime}. */
export interface FakeTimeOptions {
  /** Fake milliseconds per real one; 0, the default, waits for tick(). */
  advanceRate: number;
  /** Real milliseconds between two steps of a clock that advances, 10 by default. */
  advanceFrequency?: number;
}

/** Options of {@linkcode FakeTime.delay}. */
export interface DelayOptions {
  /** Ends the delay with an AbortError. */
  signal?: AbortSignal;
  /** Part of std's type; FakeTime ignores it. */
  persistent?: boolean;
}

/** Thrown when fake time is asked for what its state does not allow. */
export class TimeError extends Error {
  /**
   * Makes the error.
   *
   * @param message What was asked, and why it cannot be.
   */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

const REAL = { Date, setTimeout, clearTimeout, setInterval, clearInterval };
const realAbortSignalTimeout = AbortSignal.timeout;

const FAKE = {
  Date: new Proxy(Date, {
    construct(RealDate, args) {
      return Reflect.construct(RealDate, args.length ? args : [fakeNow()]);
    },
    apply(RealDate) {
      return new RealDate(fakeNow()).toString();
    },
    get(RealDate, key, receiver) {
      return key === "now" ? fakeNow : Reflect.get(RealDate, key, receiver);
    },
  }),
  setTimeout: fakeSetTimeout,
  clearTimeout: fakeClearTimeout,
  setInterval: fakeSetInterval,
  clearInterval: fakeClearInterval,
};

// There is one set of globals, so there is one fake time at most. An instance
// is a handle to the latest one even after it was restored, as in std.
let current: FakeTime | undefined;
let queue: TimerQueue;
let startedAt: number;
let advanceTimer: ReturnType<typeof setInterval> | undefined;

/** Replaces Date, the timers and AbortSignal.timeout() until it is restored. */
export class FakeTime {
  /**
   * Fakes the time.
   *
   * @param start When it begins, now by default.
   * @param options Whether it advances by itself.
   * @throws {TimeError} If time is faked already.
   * @throws {TypeError} If the start is no valid date.
   */
  constructor(
    start?: number | string | Date | null,
    options?: FakeTimeOptions,
  ) {
    if (current) {
      throw new TimeError("Cannot fake time: it is faked already");
    }
    startedAt = toMilliseconds(start);
    if (Number.isNaN(startedAt)) {
      throw new TypeError(`Cannot fake time: invalid start: "${start}"`);
    }
    queue = new TimerQueue(startedAt);
    fakeGlobals();
    current = this;

    const rate = Math.max(0, options?.advanceRate ?? 0);
    const frequency = Math.max(0, options?.advanceFrequency ?? 10);
    advanceTimer = rate > 0
      ? REAL.setInterval.call(
        null,
        () => this.tick(rate * frequency),
        frequency,
      )
      : undefined;
  }

  /** Restores real time at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.restore();
  }

  /**
   * Restores real time, even if another instance faked it.
   *
   * @throws {TimeError} If time is not faked.
   */
  static restore(): void {
    requireFaked("restore time").restore();
  }

  /**
   * Restores real time until the callback returns and its promise settles.
   *
   * @param callback What runs in real time.
   * @param args Arguments for it.
   * @returns What the callback returns; a TimeError rejects it if time is not
   * faked.
   */
  static async restoreFor<T>(
    // deno-lint-ignore no-explicit-any
    callback: (...args: any[]) => Promise<T> | T,
    // deno-lint-ignore no-explicit-any
    ...args: any[]
  ): Promise<T> {
    requireFaked("restore time for a while");
    let result: Promise<T> | T | undefined = undefined;
    restoreGlobals();
    try {
      result = callback(...args);
    } finally {
      if (!(result instanceof Promise)) fakeGlobals();
    }
    return await (result instanceof Promise
      ? result.finally(fakeGlobals)
      : result);
  }

  /** The fake time, in milliseconds since 1970. */
  get now(): number {
    return queue.now;
  }

  /**
   * Moves the time forward and runs the timers on the way.
   *
   * An error of a timer ends the move at the time at which it was due.
   */
  set now(value: number) {
    if (value < queue.now) {
      throw new RangeError(
        `Cannot set time: it is past ${value} already: ${queue.now}`,
      );
    }
    queue.advanceTo(value);
  }

  /** The time at which it began, in milliseconds since 1970. */
  get start(): number {
    return startedAt;
  }

  /**
   * Waits in real time.
   *
   * @param ms Milliseconds.
   * @param options How to end it early.
   */
  async delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    if (signal?.aborted) throw newAbortError();
    requireFaked("delay");
    await new Promise<void>((resolve, reject) => {
      const timer = REAL.setTimeout.call(null, done, ms);
      signal?.addEventListener("abort", abort, { once: true });

      function done(): void {
        signal?.removeEventListener("abort", abort);
        resolve();
      }

      function abort(): void {
        REAL.clearTimeout.call(null, timer);
        reject(newAbortError());
      }
    });
  }

  /** Lets the pending microtasks run. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /**
   * Adds to the time and runs the timers that are due.
   *
   * @param ms Milliseconds, 0 by default.
   */
  tick(ms = 0): void {
    this.now += ms;
  }

  /**
   * Runs the pending microtasks, then does as {@linkcode FakeTime.tick}.
   *
   * @param ms Milliseconds, 0 by default.
   */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.now += ms;
  }

  /**
   * Moves to the next time at which a timer is due.
   *
   * @returns Whether there was one.
   */
  next(): boolean {
    const due = queue.next();
    if (due === undefined) return false;
    this.now = due;
    return true;
  }

  /**
   * Runs the pending microtasks, then does as {@linkcode FakeTime.next}.
   *
   * @returns Whether there was a timer.
   */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Moves from timer to timer until none is left; an interval never ends. */
  runAll(): void {
    while (!queue.isEmpty) this.next();
  }

  /** Does as {@linkcode FakeTime.runAll}, with the microtasks before each. */
  async runAllAsync(): Promise<void> {
    while (!queue.isEmpty) await this.nextAsync();
  }

  /**
   * Restores real time.
   *
   * @throws {TimeError} If time is not faked.
   */
  restore(): void {
    requireFaked("restore time");
    current = undefined;
    restoreGlobals();
    if (advanceTimer !== undefined) clearInterval(advanceTimer);
  }
}

function requireFaked(verb: string): FakeTime {
  if (!current) throw new TimeError(`Cannot ${verb}: time is not faked`);
  return current;
}

function toMilliseconds(start?: number | string | Date | null): number {
  if (typeof start === "number") return Math.floor(start);
  if (typeof start === "string") return new Date(start).valueOf();
  return start instanceof Date ? start.valueOf() : Date.now();
}

function newAbortError(): DOMException {
  return new DOMException("The delay was aborted", "AbortError");
}

function fakeGlobals(): void {
  Object.assign(globalThis, FAKE);
  AbortSignal.timeout = fakeAbortSignalTimeout;
}

function restoreGlobals(): void {
  Object.assign(globalThis, REAL);
  AbortSignal.timeout = realAbortSignalTimeout;
}

function fakeNow(): number {
  return current ? queue.now : REAL.Date.now();
}

function fakeSetTimeout(
  callback: unknown,
  delay = 0,
  ...args: unknown[]
): number {
  const call = toCall(callback, args);
  requireFaked("set timeout");
  return queue.add(call, { delay, isRepeated: false });
}

function fakeSetInterval(
  callback: unknown,
  delay = 0,
  ...args: unknown[]
): number {
  const call = toCall(callback, args);
  requireFaked("set interval");
  return queue.add(call, { delay, isRepeated: true });
}

function fakeClearTimeout(id?: unknown): void {
  requireFaked("clear timeout");
  queue.clear(id);
}

function fakeClearInterval(id?: unknown): void {
  requireFaked("clear interval");
  queue.clear(id);
}

function fakeAbortSignalTimeout(delay: number): AbortSignal {
  const controller = new AbortController();
  fakeSetTimeout(() => {
    controller.abort(new DOMException("Signal timed out.", "TimeoutError"));
  }, delay);
  return controller.signal;
}

function toCall(callback: unknown, args: unknown[]): () => unknown {
  if (typeof callback !== "function") {
    throw new TimeError(
      `Cannot set timer: the callback is not a function: "${callback}"`,
    );
  }
  return () => callback.apply(null, args);
}
