import { GuardedAbort, guardPromise } from "../base/guarded.ts";

/** The callbacks, the signal and the promise of one end; each is made when asked for. */
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
   * @returns a function that takes it back, this registration only.
   */
  add(callback: (end: End) => unknown): () => void {
    const entry = { callback };
    (this.#entries ??= new Set()).add(entry);
    return () => void this.#entries?.delete(entry);
  }

  /**
   * Returns a signal that aborts at the end.
   *
   * @param reason Makes its reason, if the end has come already.
   * @param report Takes the errors of abort listeners; must not throw.
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
   * @param report Takes the errors of callbacks of its `then()`; must not throw.
   */
  ended(
    end: End | undefined,
    report: (error: unknown) => void,
  ): Promise<End> {
    if (this.#ended === undefined) {
      this.#ended = Promise.withResolvers();
      guardPromise(this.#ended.promise, report);
    }
    // Listeners of the promise run after the callbacks that may be running now.
    if (end !== undefined) this.#ended.resolve(end);
    return this.#ended.promise;
  }

  /**
   * Aborts the signal.
   *
   * @param reason Makes its reason.
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
    // A set is read as it grows, so callbacks may add more.
    for (const { callback } of this.#entries ?? []) act(callback);
    this.#entries = undefined;
  }

  /** Resolves the promise of the end. */
  resolve(end: End): void {
    this.#ended?.resolve(end);
  }
}
