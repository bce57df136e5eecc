import { GuardedAbort, guardPromise } from "../base/guarded.ts";

/**
 * The callbacks, the signal and the promise of one end. Each is made when it is
 * first used.
 */
export class EndListeners<End> {
  #entries: Set<{ readonly callback: (end: End) => unknown }> | undefined =
    undefined;
  #abort: GuardedAbort | undefined = undefined;
  #ended: PromiseWithResolvers<End> | undefined = undefined;

  /** The number of callbacks. */
  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /**
   * Adds a callback; during the end, it is called in the same pass.
   *
   * @returns a function that removes this registration only.
   */
  add(callback: (end: End) => unknown): () => void {
    const entry = { callback };
    (this.#entries ??= new Set()).add(entry);
    return () => void this.#entries?.delete(entry);
  }

  /**
   * Returns a signal that aborts at the end.
   *
   * @param reason Makes the reason of the signal if the session has ended already.
   * @param report Receives the errors of abort listeners; must not throw.
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
   * Returns a promise of the end, resolved if the end has come.
   *
   * @param report Receives the errors of callbacks of its `then()`; must not throw.
   */
  ended(
    end: End | undefined,
    report: (error: unknown) => void,
  ): Promise<End> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers();
      guardPromise(this.#ended.promise, report);
    }
    // Listeners of the promise must run after callbacks that are running now.
    if (end !== undefined) this.#ended.resolve(end);
    return this.#ended.promise;
  }

  /**
   * Aborts the signal.
   *
   * @param reason Makes the reason of the signal.
   */
  abort(reason: () => Error): void {
    this.#abort?.abort(reason);
  }

  /**
   * Calls the callbacks, and forgets them.
   *
   * @param act Calls one; must not throw.
   */
  call(act: (callback: (end: End) => unknown) => void): void {
    // The loop reaches callbacks that other callbacks add meanwhile.
    for (const { callback } of this.#entries ?? []) act(callback);
    this.#entries = undefined;
  }

  /** Resolves the promise of the end. */
  resolve(end: End): void {
    this.#ended?.resolve(end);
  }
}
