import { guardListeners } from "./guarded_listeners.ts";

/** Takes the errors of the abort that is under way, the innermost of several. */
let report: ((error: unknown) => void) | undefined;

/**
 * An abort signal whose listeners may throw and reject; it is made when first
 * asked for.
 */
export class GuardedAbort {
  readonly #onError: (error: unknown) => void;
  #controller: AbortController | undefined = undefined;
  #reason: (() => unknown) | undefined = undefined;

  /** @param onError Takes what abort listeners throw and reject; must not throw. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** The signal; it is aborted already if abort() has been called. */
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
   * The listeners of the signal are guarded. Those of a signal that depends on
   * it, by AbortSignal.any(), are not. What they throw goes to the global "error"
   * event, and from there Deno ends the process. They are called before abort()
   * returns, so a listener of our own on that event, for just that long, takes
   * theirs only.
   *
   * @param reason Makes the reason of the signal; undefined is the default one.
   */
  abort(reason: () => unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (this.#controller === undefined) return;
    const outer = report;
    if (outer === undefined) globalThis.addEventListener("error", take);
    report = this.#onError;
    try {
      this.#controller.abort(reason());
    } finally {
      report = outer;
      if (outer === undefined) globalThis.removeEventListener("error", take);
    }
  }
}

function take(event: ErrorEvent): void {
  event.preventDefault();
  event.stopImmediatePropagation();
  report?.(event.error);
}
