import { randomId } from "../base/ids.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";
import type { SessionStore } from "../stores/store.ts";
import type { BreakerSite, StoreBreaker } from "./store_breaker.ts";
import type { PerPart } from "./store_parts.ts";

/** Milliseconds before the second check; doubled before each further one. */
const FIRST_PAUSE = 1000;

/**
 * The longest pause, in milliseconds, and the pause between two checks of a store
 * that answers: its settings may be changed while the site runs.
 */
const LONGEST_PAUSE = 60_000;

/**
 * Checks whether a store is safe to use, until it answers and then every minute.
 *
 * Only the first check can refuse the store. Later findings are reported, each once
 * while it lasts: a store may be a replica for a moment, in the middle of a
 * failover.
 */
export class StoreHealth {
  readonly #site: BreakerSite;
  readonly #store: SessionStore;
  #timer: unknown = undefined;
  /** The reason why the store cannot be used; undefined if no check found one. */
  refusal: RangeError | undefined = undefined;
  /** The findings of the last check, in words. */
  #found: ReadonlySet<string> = new Set();
  #hasAnswered = false;
  #isStopped = false;

  constructor(site: BreakerSite, store: SessionStore) {
    this.#site = site;
    this.#store = store;
  }

  /**
   * Checks the store, and reports its warnings and the first failure.
   *
   * @returns a promise if the store answers with one.
   * @throws {RangeError} If the store would lose sessions.
   */
  run(pause: number = FIRST_PAUSE): MaybePromise<void> {
    const fail = (error: unknown) => this.#fail(error, pause);
    if (this.#store.check === undefined) return;
    let warnings: MaybePromise<readonly string[]> | undefined;
    try {
      warnings = this.#store.check();
    } catch (error) {
      return fail(error);
    }
    if (isPromiseLike(warnings)) return warnings.then(this.#warn, fail);
    this.#warn(warnings);
  }

  /** Stops the checks and the reports. */
  stop(): void {
    this.#isStopped = true;
    this.#site.clock.clearTimeout(this.#timer);
  }

  readonly #warn = (warnings: readonly string[] = []): void => {
    if (this.#isStopped) return;
    this.#hasAnswered = true;
    this.#reportNew(warnings.map((warning) => new Error(warning)));
    this.#checkAgain(LONGEST_PAUSE);
  };

  /** Reports findings that the check before did not have. */
  #reportNew(errors: readonly unknown[]): void {
    const before = this.#found;
    this.#found = new Set(errors.map(kindOf));
    for (const error of errors) {
      if (!before.has(kindOf(error))) this.#site.reportError(error, {});
    }
  }

  #checkAgain(pause: number): void {
    this.#timer = this.#site.clock.setTimeout(
      () => void this.#runAgain(Math.min(2 * pause, LONGEST_PAUSE)),
      pause,
    );
  }

  #fail(error: unknown, pause: number): void {
    if (this.#isStopped) return;
    if (this.#hasAnswered) {
      this.#reportNew([error]);
      return this.#checkAgain(LONGEST_PAUSE);
    }
    const isRefused = error instanceof RangeError;
    if (isRefused || pause === FIRST_PAUSE) this.#site.reportError(error, {});
    if (isRefused) {
      this.refusal = error;
      throw error;
    }
    this.#checkAgain(pause);
  }

  async #runAgain(pause: number): Promise<void> {
    try {
      await this.run(pause);
    } catch {
      // The refusal has been reported, and stands.
    }
  }
}

/** Returns an error in words, without its figures, which differ each time. */
function kindOf(error: unknown): string {
  return String(error).replace(/\d+/g, "");
}

/**
 * Returns a uid for a part of the store that answers.
 *
 * @throws {HttpError} 503 if no part answers, or if the store cannot be used.
 */
export function newUid(
  { refusal }: StoreHealth,
  breakers: PerPart<StoreBreaker>,
): string {
  if (refusal !== undefined || breakers.all.every(({ isOpen }) => isOpen)) {
    throw new HttpError(503, "No session can begin at the moment.", {
      cause: refusal,
    });
  }
  for (;;) {
    const uid = randomId();
    if (!breakers.of(uid).isOpen) return uid;
  }
}
