import type { ErrorContext } from "../request.ts";
import type { MaybePromise } from "../stores/store.ts";
import type { Clock } from "./clock.ts";
import type { KeptSite } from "./kept_site.ts";
import { isPromiseLike } from "./promise_like.ts";

/** Milliseconds between two looks at the calls that are waiting. */
const LOOK = 100;

/** A call that the store has not answered yet. */
interface Waiting {
  /** UNIX milliseconds. */
  readonly until: number;
  readonly giveUp: () => void;
}

/** The store did not answer, or is known not to. */
export class StoreUnavailableError extends Error {
  /** @ignore */
  override name = "StoreUnavailableError";
}

/**
 * The line to a store, or to a part of it that can be away by itself: nobody
 * waits for it longer than agreed, and nobody waits at all while it is known to
 * be dead.
 *
 * A call that is not answered in time takes it down, and so do two in a row that
 * fail: one may have failed for a reason of its own. It is up again when a probe
 * has been answered. Whoever keeps the line probes it.
 */
export class StoreLine {
  readonly #site: KeptSite;
  readonly #clock: Clock;
  readonly #patience: number;
  readonly #name: string;
  readonly #waiting = new Set<Waiting>();
  #timer: unknown = undefined;
  #isDown = false;
  #hasFailed = false;
  /** What calls have failed with, as far as these are objects. */
  readonly #failures = new WeakSet<object>();
  /** Reports the last failure, if it turns out to be one by itself. */
  #reportLater: (() => void) | undefined = undefined;

  /**
   * @param site Where the time comes from, and who hears why, once each time
   * that it goes down.
   * @param patience Milliseconds that a call may take.
   * @param part What the part of the store is called; none for all of it.
   */
  constructor(site: KeptSite, patience: number, part?: string) {
    this.#site = site;
    this.#clock = site.clock;
    this.#patience = patience;
    this.#name = part === undefined
      ? "the session store"
      : `${part} of the session store`;
  }

  /** Whether calls fail at once. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /**
   * Calls the store, unless the line is down.
   *
   * @throws {StoreUnavailableError} If it is, or if the store does not answer in
   * time; what the store throws else; a rejection where the store is awaited.
   */
  call<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#isDown) {
      throw new StoreUnavailableError(
        `Cannot ask ${this.#name}: it does not answer`,
      );
    }
    return this.probe(ask);
  }

  /** Calls the store even if the line is down, which an answer ends. */
  probe<T>(ask: () => MaybePromise<T>): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = ask();
      if (isPromiseLike(answer)) return this.#await(answer);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#succeed();
    return answer;
  }

  /**
   * Reports why a call has failed.
   *
   * That the store is away is reported once, by the line itself; so a first
   * failure waits for the next call, which shows whether it is that.
   */
  report(error: unknown, context: ErrorContext): void {
    if (error instanceof StoreUnavailableError) return;
    const report = () => this.#site.reportError(error, context);
    if (!(error instanceof Error && this.#failures.has(error))) report();
    else if (this.#isDown) return;
    else if (this.#hasFailed) this.#reportLater = report;
    else report();
  }

  /** Reports the failure that waits for a next call, if there is one. */
  close(): void {
    this.#reportLater?.();
    this.#reportLater = undefined;
  }

  #await<T>(answer: PromiseLike<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting = {
        until: this.#clock.now() + this.#patience,
        giveUp: () => {
          const error = new StoreUnavailableError(
            `Cannot ask ${this.#name}: no answer in ${this.#patience / 1000} s`,
          );
          this.#goDown(error);
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      this.#timer ??= this.#clock.setTimeout(this.#look, LOOK);
      // A store's own thenable may throw where a promise rejects.
      Promise.resolve(answer).then((value) => {
        // One that comes too late has been given up, and proves nothing.
        if (this.#waiting.delete(waiting)) this.#succeed();
        this.#rest();
        resolve(value);
      }, (error) => {
        if (this.#waiting.delete(waiting)) this.#fail(error);
        this.#rest();
        reject(error);
      });
    });
  }

  /** One timer for all that wait: one for each would cost more than the call. */
  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const waiting of this.#waiting) {
      if (now < waiting.until) continue;
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
    if (this.#waiting.size > 0) {
      this.#timer = this.#clock.setTimeout(this.#look, LOOK);
    }
  };

  #rest(): void {
    if (this.#waiting.size > 0 || this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #succeed(): void {
    this.#isDown = this.#hasFailed = false;
    this.close();
  }

  #fail(error: unknown): void {
    if (error instanceof Error) this.#failures.add(error);
    if (this.#hasFailed) this.#goDown(error);
    this.#hasFailed = true;
  }

  #goDown(error: unknown): void {
    if (this.#isDown) return;
    this.#isDown = true;
    this.#reportLater = undefined;
    this.#site.reportError(
      new StoreUnavailableError(`Cannot reach ${this.#name}`, {
        cause: error,
      }),
      {},
    );
  }
}
