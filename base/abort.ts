import { guardListeners } from "./guarded_listeners.ts";

/** Receives the errors of the innermost abort that is running. */
let report: ((error: unknown) => void) | undefined;

/**
 * An abort signal whose listeners may throw and reject. The signal is made when
 * it is first read.
 */
export class GuardedAbort {
  readonly #onError: (error: unknown) => void;
  #controller: AbortController | undefined = undefined;
  #reason: (() => unknown) | undefined = undefined;

  /** @param onError Receives the errors of abort listeners; must not throw. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** The signal; it is aborted if abort() has been called. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      guardListeners(this.#controller.signal, this.#onError);
      if (this.#reason !== undefined) this.#controller.abort(this.#reason());
    }
    return this.#controller.signal;
  }

  /**
   * Aborts the signal; the second call does nothing.
   *
   * The listeners of the signal itself are guarded. The listeners of signals that
   * depend on it, by AbortSignal.any(), are not: an exception of theirs reaches
   * the global "error" event, where Deno ends the process. abort() calls them
   * before it returns. So a listener on the global event, added for the duration
   * of the call, receives only their exceptions.
   *
   * @param reason Returns the reason of the signal; undefined stands for the
   * default reason.
   */
  abort(reason: () => unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (this.#controller === undefined) return;
    const outer = report;
    // Node reports such exceptions by its process instead.
    const { addEventListener, removeEventListener } = globalThis as Partial<
      typeof globalThis
    >;
    if (outer === undefined) addEventListener?.("error", take);
    report = this.#onError;
    try {
      this.#controller.abort(reason());
    } finally {
      report = outer;
      if (outer === undefined) removeEventListener?.("error", take);
    }
  }
}

function take(event: ErrorEvent): void {
  event.preventDefault();
  event.stopImmediatePropagation();
  report?.(event.error);
}
