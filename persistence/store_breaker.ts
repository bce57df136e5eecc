import type { Clock } from "../base/clock.ts";
import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import { HttpError } from "../http/http_error.ts";

/** Milliseconds between two checks of the calls that wait for an answer. */
const LOOK = 100;

/** A call that the store has not answered yet. */
interface Waiting {
  /** Milliseconds that the store still has. */
  left: number;
  /** When the call began, or was last looked at, in UNIX milliseconds. */
  seenAt: number;
  readonly giveUp: () => void;
}

/** The clock, and the error handler, of the sessions over a store. */
export interface BreakerSite {
  readonly clock: Clock;
  reportError(error: unknown, context: object): void;
}

/** An error of a store that does not answer. */
export class StoreUnavailableError extends Error {
  /** @ignore */
  override name = "StoreUnavailableError";
}

/**
 * A circuit breaker for a store, or for a part of it that can be away by itself:
 * calls fail after the timeout, and at once while the circuit is open.
 *
 * One call without an answer in time opens the circuit, unless the store has answered
 * a later call: then only this call, or its answer, was lost. Two failures in a row
 * open the circuit too; a single failure may concern one call only. The owner makes
 * probes, and the answer to a probe closes the circuit.
 */
export class StoreBreaker {
  readonly #site: BreakerSite;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #name: string;
  readonly #onFailure: () => void;
  readonly #waiting = new Set<Waiting>();
  #timer: unknown = undefined;
  /** When the timer is due, in UNIX milliseconds. */
  #lookAt = 0;
  /** The number of calls that were awaited, and of the last one with an answer. */
  #awaited = 0;
  #answered = 0;
  #isOpen = false;
  #hasFailed = false;
  /** Reports the errors of calls. */
  readonly #failures = new WeakSet<object>();
  /** Reports the last failure, unless the circuit opens. */
  #reportLater: (() => void) | undefined = undefined;

  /**
   * @param site The error handler gets the reason, once for each opening.
   * @param timeout Milliseconds that a call may take.
   * @param options The name of the part, undefined for a whole store, and a
   * function that is called when a call fails, so that the owner makes another
   * call.
   */
  constructor(
    site: BreakerSite,
    timeout: number,
    { part, onFailure }: {
      readonly part: string | undefined;
      onFailure(): void;
    },
  ) {
    this.#site = site;
    this.#clock = site.clock;
    this.#timeout = timeout;
    this.#onFailure = onFailure;
    this.#name = part === undefined
      ? "the session store"
      : `${part} of the session store`;
  }

  /** Whether the store answered the last call with a promise. */
  isAwaited = true;

  /** Whether the last call failed, or the circuit is open. */
  get isInDoubt(): boolean {
    return this.#isOpen || this.#hasFailed;
  }

  /** Whether calls fail at once. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Calls the store, unless the circuit is open.
   *
   * @param onLate Called with an answer that comes after the timeout.
   * @throws {StoreUnavailableError} If the circuit is open, or if the store does
   * not answer in time. Errors of the store are passed on.
   */
  call<T>(
    ask: () => MaybePromise<T>,
    onLate?: (answer: T) => void,
  ): MaybePromise<T> {
    if (this.#isOpen) {
      throw new StoreUnavailableError(
        `Cannot ask ${this.#name}: it does not answer`,
      );
    }
    return this.probe(ask, onLate);
  }

  /** Calls the store even if the circuit is open; an answer closes it. */
  probe<T>(
    ask: () => MaybePromise<T>,
    onLate?: (answer: T) => void,
  ): MaybePromise<T> {
    let answer: MaybePromise<T>;
    try {
      answer = ask();
      this.isAwaited = isPromiseLike(answer);
      if (isPromiseLike(answer)) return this.#await(answer, onLate);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    this.#succeed();
    return answer;
  }

  /**
   * Reports the error of a call.
   *
   * The breaker reports an open circuit itself, once. So the report of a first
   * failure waits for the next call, which may open the circuit.
   */
  report(error: unknown, context: object): void {
    const isFailure = error instanceof Error && this.#failures.has(error);
    if (error instanceof StoreUnavailableError && !isFailure) return;
    const report = () => this.#site.reportError(error, context);
    if (!isFailure) report();
    else if (this.#isOpen) return;
    else if (this.#hasFailed) this.#reportLater = report;
    else report();
  }

  /** Reports the failure that waits for the next call, if there is one. */
  close(): void {
    this.#reportLater?.();
    this.#reportLater = undefined;
  }

  #await<T>(
    answer: PromiseLike<T>,
    onLate: ((answer: T) => void) | undefined,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const number = ++this.#awaited;
      const waiting = {
        left: this.#timeout,
        seenAt: this.#clock.now(),
        giveUp: () => {
          const error = new StoreUnavailableError(
            `Cannot ask ${this.#name}: no answer in ${this.#timeout / 1000} s`,
          );
          if (this.#answered < number) this.#open(error);
          else {
            this.#failures.add(error);
            this.#onFailure();
          }
          reject(error);
        },
      };
      this.#waiting.add(waiting);
      this.#lookLater();
      // A thenable of a store may throw; a promise would reject.
      Promise.resolve(answer).then((value) => {
        // A late answer does not close the circuit.
        if (this.#waiting.delete(waiting)) {
          this.#answered = Math.max(this.#answered, number);
          this.#succeed();
        } else onLate?.(value);
        this.#rest();
        resolve(value);
      }, (error) => {
        if (this.#waiting.delete(waiting)) this.#fail(error);
        this.#rest();
        reject(error);
      });
    });
  }

  /** One timer for all calls: a timer for each would cost more than the call. */
  readonly #look = (): void => {
    this.#timer = undefined;
    const now = this.#clock.now();
    // Otherwise the process stood still, and has not read the answers yet; or its
    // clock was set, before a call began or after. Then this time does not count.
    const isInTime = Math.abs(now - this.#lookAt) <= LOOK;
    for (const waiting of this.#waiting) {
      if (isInTime) waiting.left -= now - waiting.seenAt;
      waiting.seenAt = now;
      if (waiting.left > 0) continue;
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
    if (this.#waiting.size > 0) this.#lookLater();
  };

  #lookLater(): void {
    if (this.#timer !== undefined) return;
    this.#lookAt = this.#clock.now() + LOOK;
    this.#timer = this.#clock.setTimeout(this.#look, LOOK);
  }

  #rest(): void {
    if (this.#waiting.size > 0 || this.#timer === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #succeed(): void {
    this.#isOpen = this.#hasFailed = false;
    this.close();
  }

  #fail(error: unknown): void {
    if (error instanceof Error) this.#failures.add(error);
    if (this.#hasFailed) this.#open(error);
    this.#hasFailed = true;
    this.#onFailure();
  }

  #open(error: unknown): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#reportLater = undefined;
    this.#site.reportError(
      new StoreUnavailableError(`Cannot reach ${this.#name}`, {
        cause: error,
      }),
      {},
    );
    this.#onFailure();
  }
}

/** Returns the answer to a request whose changes cannot be written. */
export function unkept(cause?: unknown): HttpError {
  return new HttpError(
    503,
    "Your session cannot be stored at the moment. Please try again.",
    { cause },
  );
}

/** Returns the answer to a request that needs sessions which cannot be looked up. */
export function unfound(cause: unknown): HttpError {
  return new HttpError(
    503,
    "Your sessions cannot be looked up at the moment. Please try again.",
    { cause },
  );
}

/**
 * Reports a failure of the store, and rejects with a 503 instead. Whether the store
 * has made a change is unknown then.
 */
export function guarded<T>(
  act: () => MaybePromise<T>,
  report: (error: unknown) => void,
  refuse: (cause: unknown) => HttpError = unkept,
): MaybePromise<T> {
  const fail = (error: unknown): never => {
    report(error);
    throw refuse(error);
  };
  try {
    const answer = act();
    return isPromiseLike(answer) ? Promise.resolve(answer).catch(fail) : answer;
  } catch (error) {
    return fail(error);
  }
}
