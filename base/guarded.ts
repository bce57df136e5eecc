import { describe, visible } from "./describe.ts";
import { builtin, callGuarded, isPromiseLike } from "./promises.ts";

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

/** Printed in place of an error that cannot be printed. */
const UNPRINTABLE = "An error was reported that cannot be printed";

/** Reports an error and its context; never throws. */
export type ErrorReporter<Context> = (error: unknown, context: Context) => void;

/**
 * Returns a function that passes errors to `onError` and never throws.
 *
 * @param onError If it throws or rejects, both errors are printed. If it is
 * undefined, each error is printed. Control and invisible characters are printed as
 * escapes. The context is never printed, since it can hold tokens.
 */
export function errorReporter<Context>(
  onError: ((error: unknown, context: Context) => unknown) | undefined,
): ErrorReporter<Context> {
  if (onError === undefined) return print;
  return (error, context) => {
    callGuarded(() => onError(error, context), (second) => {
      print(error);
      print(second);
    });
  };
}

function print(error: unknown): void {
  for (const value of [error, UNPRINTABLE]) {
    try {
      // deno-lint-ignore no-console -- the documented default of onError
      return console.error(printable(value));
    } catch {
      // A getter of the error may throw, and so may a replaced console.
    }
  }
}

/** The most errors of a chain of causes whose messages are checked. */
const MAX_CAUSES = 16;

/**
 * Returns a value as the console may print it: itself if it is harmless, or else its
 * text with escapes.
 *
 * An error can hold text that a client has sent. A message with line breaks is
 * indented, so that no line of it looks like one of the log.
 */
export function printable(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  const text = inspect(value);
  const [first = "", ...others] = text.split("\n");
  const indent = hasLineBreak(value) ? "    " : "";
  const shown = [
    visible(first),
    ...others.map((line) =>
      (line.startsWith(" ") ? "" : indent) + visible(line)
    ),
  ].join("\n");
  return shown === text ? value : shown;
}

function inspect(value: unknown): string {
  try {
    return builtin("node:util").inspect(value);
  } catch (error) {
    // Some runtimes lack the module; getters of the value may throw as well.
    if (!(value instanceof Error)) throw error;
    return value.stack ?? String(value);
  }
}

/** Returns whether the message of an error, or of one of its causes, has lines. */
function hasLineBreak(error: unknown): boolean {
  const errors = [error];
  for (const each of errors) {
    if (!(each instanceof Error) || errors.length > MAX_CAUSES) continue;
    if (/[\r\n]/.test(`${each.name}${each.message}`)) return true;
    errors.push(each.cause);
    if (each instanceof AggregateError) errors.push(...each.errors);
  }
  return false;
}
