import { describe } from "./describe.ts";
import { isPromiseLike } from "./maybe_promise.ts";

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
