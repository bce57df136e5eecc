import { describe } from "./describe.ts";
import { isPromiseLike } from "./promise_like.ts";

/**
 * Lets the listeners of an event target throw and reject.
 *
 * Deno ends the process when an event listener throws, and when the promise that
 * it returns rejects. So the target gets an addEventListener() that registers a
 * guard in place of each listener. The guard calls the listener and hands its
 * failure on. One listener always has the same guard, so the platform still knows
 * which listener was added twice or is to be removed. Deno's `onmessage` and its
 * like call addEventListener() of the target, and need no guard of their own.
 *
 * @param target The target, before anyone listens to it.
 * @param onFailure Takes what listeners throw and reject; must not throw.
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
    // The platform passes over these.
    if (listener === null || listener === undefined) return listener;
    const known = guards.get(listener);
    if (known !== undefined) return known;
    const guard = guarded(listener, onFailure);
    // Deno removes a guard by itself when the `signal` that it came with aborts.
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
    // Deno would find out when it calls the listener, and end the process.
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
