import { describe } from "./describe.ts";
import { isPromiseLike } from "./promises.ts";

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

/**
 * Lets the listeners of an event target throw and reject.
 *
 * Deno ends the process when an event listener throws, and when a promise that it
 * returns rejects. So this function replaces addEventListener() of the target:
 * the new one registers a guard in place of each listener. The guard calls the
 * listener and reports its failure. A listener always has the same guard, so
 * adding it twice or removing it works as usual. Deno's `onmessage` and similar
 * properties call addEventListener() of the target, and need no guard of their
 * own.
 *
 * @param target The target; it must not have listeners yet.
 * @param onFailure Receives the errors of listeners; must not throw.
 */
export function guardListeners(
  target: EventTarget,
  onFailure: (error: unknown) => void,
): void {
  const { addEventListener, removeEventListener } = target;
  const guards = new WeakMap<object, EventListener>();
  const guardOf = (
    listener: EventListenerOrEventListenerObject | null,
  ): EventListener | null => {
    // The platform ignores these.
    if (listener === null || listener === undefined) return listener;
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard = guarded(listener, onFailure);
    // Deno removes the guard itself when the `signal` in its options aborts.
    guards.set(listener, guard).set(guard, guard);
    return guard;
  };
  target.addEventListener = (type, listener, options) =>
    addEventListener.call(target, type, guardOf(listener), options);
  target.removeEventListener = (type, listener, options) =>
    removeEventListener.call(target, type, guardOf(listener), options);
}

/** @throws {TypeError} If the listener is neither a function nor an object. */
function guarded(
  listener: EventListenerOrEventListenerObject,
  onFailure: (error: unknown) => void,
): EventListener {
  if (typeof listener !== "function" && typeof listener !== "object") {
    // Deno would throw only when it calls the listener, and end the process.
    throw new TypeError(
      `Cannot add an event listener: neither a function nor an object: ${
        describe(listener)
      }`,
    );
  }
  return function (this: unknown, event: Event): void {
    try {
      const result: unknown = typeof listener === "function"
        ? listener.call(this as EventTarget, event)
        : listener.handleEvent?.(event);
      if (isPromiseLike(result)) Promise.resolve(result).catch(onFailure);
    } catch (error) {
      onFailure(error);
    }
  };
}

/**
 * Handles the rejection of a promise, and of each promise that then(), catch() or
 * finally() derive from it, even if no caller awaits them.
 *
 * Without a handler, Deno ends the process. Only the last promise of a chain
 * reports its rejection; the others hand theirs to the next one.
 *
 * @param promise A promise on which then() was not called before.
 * @param onFailure Receives the rejections of the last promises; must not throw.
 * @returns the same promise.
 */
export function guardPromise<T>(
  promise: Promise<T>,
  onFailure: (error: unknown) => void,
): Promise<T> {
  const { then } = promise;
  let isFollowed = false;
  then.call(promise, undefined, (error) => {
    if (!isFollowed) onFailure(error);
  });
  return Object.assign(promise, {
    then: (...callbacks: Parameters<typeof then>) => {
      isFollowed = true;
      return guardPromise(then.apply(promise, callbacks), onFailure);
    },
  });
}
