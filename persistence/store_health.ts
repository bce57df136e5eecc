import { isPromiseLike, type MaybePromise } from "../base/maybe_promise.ts";
import type { SessionStore } from "../stores/store.ts";
import type { BreakerSite } from "./store_breaker.ts";

/** Milliseconds before the second check; doubled before each further one. */
const FIRST_PAUSE = 1000;

/** The longest pause, in milliseconds. */
const LONGEST_PAUSE = 60_000;

/**
 * Checks whether a store is safe to use. The check is repeated until the store
 * answers.
 */
export class StoreHealth {
  readonly #site: BreakerSite;
  readonly #store: SessionStore;
  #timer: unknown = undefined;
  #refusal: RangeError | undefined = undefined;
  #isStopped = false;

  constructor(site: BreakerSite, store: SessionStore) {
    this.#site = site;
    this.#store = store;
  }

  /** The reason why the store cannot be used; undefined if no check found one. */
  get refusal(): RangeError | undefined {
    return this.#refusal;
  }

  /**
   * Checks the store, and reports its warnings and the first failure.
   *
   * @returns a promise if the store answers with one.
   * @throws {RangeError} If the store would lose sessions.
   */
  run(pause: number = FIRST_PAUSE): MaybePromise<void> {
    const fail = (error: unknown) => this.#fail(error, pause);
    let warnings: MaybePromise<readonly string[]> | undefined;
    try {
      warnings = this.#store.check?.();
    } catch (error) {
      return fail(error);
    }
    if (isPromiseLike(warnings)) return warnings.then(this.#warn, fail);
    this.#warn(warnings);
  }

  /** Ends the checks; nothing is reported from now on. */
  stop(): void {
    this.#isStopped = true;
    this.#site.clock.clearTimeout(this.#timer);
  }

  readonly #warn = (warnings: readonly string[] = []): void => {
    if (this.#isStopped) return;
    for (const warning of warnings) {
      this.#site.reportError(new Error(warning), {});
    }
  };

  #fail(error: unknown, pause: number): void {
    if (this.#isStopped) return;
    const isRefused = error instanceof RangeError;
    if (isRefused || pause === FIRST_PAUSE) this.#site.reportError(error, {});
    if (isRefused) {
      this.#refusal = error;
      throw error;
    }
    this.#timer = this.#site.clock.setTimeout(
      () => void this.#runAgain(Math.min(2 * pause, LONGEST_PAUSE)),
      pause,
    );
  }

  async #runAgain(pause: number): Promise<void> {
    try {
      await this.run(pause);
    } catch {
      // The refusal has been reported, and stands.
    }
  }
}
