import { GuardedAbort } from "./abort.ts";
import { guardPromise } from "./guarded_promise.ts";

/** Those who wait for an end; what nobody has asked for is not made. */
export class EndListeners<End> {
  #callbacks: ((end: End) => unknown)[] | undefined = undefined;
  #abort: GuardedAbort | undefined = undefined;
  #ended: PromiseWithResolvers<End> | undefined = undefined;

  /** Has a function called at the end; during it, in the same pass. */
  add(callback: (end: End) => unknown): void {
    (this.#callbacks ??= []).push(callback);
  }

  /**
   * A signal that aborts at the end.
   *
   * @param reason Makes what it is aborted with, if the end has come already.
   * @param report Takes what abort listeners throw and reject; must not throw.
   */
  signal(
    reason: (() => Error) | undefined,
    report: (error: unknown) => void,
  ): AbortSignal {
    this.#abort ??= new GuardedAbort(report);
    if (reason !== undefined) this.#abort.abort(reason);
    return this.#abort.signal;
  }

  /**
   * A promise of the end.
   *
   * @param end The end, if it has come already.
   * @param report Takes what callbacks of its then() throw and reject; must not
   * throw.
   */
  ended(
    end: End | undefined,
    report: (error: unknown) => void,
  ): Promise<End> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers();
      guardPromise(this.#ended.promise, report);
    }
    // Nobody sees it before the callbacks that may be running have returned.
    if (end !== undefined) this.#ended.resolve(end);
    return this.#ended.promise;
  }

  /**
   * Aborts the signal.
   *
   * @param reason Makes what it is aborted with.
   */
  abort(reason: () => Error): void {
    this.#abort?.abort(reason);
  }

  /**
   * Calls the callbacks, and forgets them.
   *
   * @param call Calls one; must not throw.
   */
  tell(call: (callback: (end: End) => unknown) => void): void {
    // Callbacks may register more, so the list is read as it grows.
    for (let i = 0; i < (this.#callbacks?.length ?? 0); i++) {
      call(this.#callbacks![i]!);
    }
    this.#callbacks = undefined;
  }

  /** Resolves the promise of the end. */
  resolve(end: End): void {
    this.#ended?.resolve(end);
  }
}
