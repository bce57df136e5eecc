import type { SessionStore } from "../stores/store.ts";
import { type Clock, monotonic } from "./clock.ts";
import { isPromiseLike } from "./promise_like.ts";

/** A process that may die: the clock and the store as it sees them until then. */
export class TestProcess implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<unknown>();
  #hasDied = false;

  /** @param clock What the process goes by. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether it has died: nothing reaches it any more, and it reaches nothing. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /** The time, after the death too. */
  now(): number {
    return this.#clock.now();
  }

  /** Monotonic milliseconds of the clock that the process goes by. */
  monotonic(): number {
    return monotonic(this.#clock);
  }

  /** Sets a timer, which goes with the process. */
  setTimeout(callback: () => void, delay: number): unknown {
    if (this.#hasDied) return undefined;
    const id = this.#clock.setTimeout(() => {
      this.#timers.delete(id);
      callback();
    }, delay);
    this.#timers.add(id);
    return id;
  }

  /** Forgets a timer. */
  clearTimeout(id: unknown): void {
    this.#timers.delete(id);
    this.#clock.clearTimeout(id);
  }

  /** A store that this process does not hear of once it has died. */
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

  /** Stops all the timers, and cuts the stores off. */
  die(): void {
    this.#hasDied = true;
    for (const id of this.#timers) this.#clock.clearTimeout(id);
    this.#timers.clear();
  }

  /** What a store calls later, for example. */
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

  /** A promise that is never kept would have the old site wait when it is closed. */
  #mustLive(): void {
    if (this.#hasDied) {
      throw new Error("Cannot ask the session store: the process has died");
    }
  }
}
