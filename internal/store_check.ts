import type { MaybePromise, SessionStore } from "../stores/store.ts";
import type { KeptSite } from "./kept_site.ts";
import { isPromiseLike } from "./promise_like.ts";

/** Milliseconds before the second time; doubled for each further one. */
const FIRST_PAUSE = 1000;

/** A store that is back is asked within so many milliseconds. */
const LONGEST_PAUSE = 60_000;

/**
 * Asks a store whether it can be relied on, again and again while it is away:
 * what is wrong with it is found once it answers.
 */
export class StoreCheck {
  readonly #site: KeptSite;
  readonly #store: SessionStore;
  #timer: unknown = undefined;
  #refusal: RangeError | undefined = undefined;
  #isStopped = false;

  constructor(site: KeptSite, store: SessionStore) {
    this.#site = site;
    this.#store = store;
  }

  /** Why the store cannot be used at all, if that is known. */
  get refusal(): RangeError | undefined {
    return this.#refusal;
  }

  /**
   * Asks; ends, or resolves, when the store has answered or failed to. What it
   * warns of is reported, and so is the first failure.
   *
   * @throws {RangeError} If the store would lose sessions; rejects where it is
   * awaited.
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

  /** Asks no more, and reports nothing. */
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
