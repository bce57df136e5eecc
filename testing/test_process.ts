import type { SessionStore } from "../stores/store.ts";
import type { Clock } from "../base/clock.ts";
import { monotonic } from "../base/moment.ts";
import { isPromiseLike } from "../base/promises.ts";

/** A simulated process, with its clock and its access to the store until it dies. */
export class TestProcess implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<unknown>();
  #hasDied = false;

  /** @param clock The clock that gives the process its time. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the process has died. Then it makes no calls and gets none. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /** Returns the time, also after the death. */
  now(): number {
    return this.#clock.now();
  }

  /** Returns the monotonic milliseconds of the clock of the process. */
  monotonic(): number {
    return monotonic(this.#clock);
  }

  /** Sets a timer, which is cancelled when the process dies. */
  setTimeout<Args extends unknown[]>(
    callback: (...args: Args) => void,
    delay: number,
    ...args: Args
  ): unknown {
    if (this.#hasDied) return undefined;
    const id = this.#clock.setTimeout(() => {
      this.#timers.delete(id);
      callback(...args);
    }, delay);
    this.#timers.add(id);
    return id;
  }

  /** Cancels a timer. */
  clearTimeout(id: unknown): void {
    this.#timers.delete(id);
    this.#clock.clearTimeout(id);
  }

  /** Returns the store for the process; it is cut off once the process has died. */
  connect(store: SessionStore): SessionStore {
    return new Proxy(store, {
      get: (store, name) => {
        const member: unknown = Reflect.get(store, name);
        if (typeof member !== "function") return member;
        return (...values: unknown[]) => {
          this.#mustLive();
          const result = member.apply(
            store,
            values.map((it) => this.#mute(it)),
          );
          return isPromiseLike(result) ? this.#waitFor(result) : result;
        };
      },
    });
  }

  /** Cancels all timers, and cuts the process off from its stores. */
  die(): void {
    this.#hasDied = true;
    for (const id of this.#timers) this.#clock.clearTimeout(id);
    this.#timers.clear();
  }

  /** Wraps a callback for a store, so that it does nothing after the death. */
  #mute(value: unknown): unknown {
    if (typeof value !== "function") return value;
    return (...values: unknown[]) =>
      this.#hasDied ? undefined : value(...values);
  }

  async #waitFor(result: PromiseLike<unknown>): Promise<unknown> {
    const value = await result;
    this.#mustLive();
    return value;
  }

  /** Throws after the death: a promise that never settles would block close(). */
  #mustLive(): void {
    if (this.#hasDied) {
      throw new Error("Cannot ask the session store: the process has died");
    }
  }
}
