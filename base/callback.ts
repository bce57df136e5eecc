import { describe } from "./describe.ts";
import { isPromiseLike } from "./maybe_promise.ts";

/**
 * Checks that a callback is a function.
 *
 * @param act The action that needs the callback, for the message:
 * `"notify on expire"`.
 * @throws {TypeError} If the callback is not a function.
 */
export function checkCallback(act: string, callback: unknown): void {
  if (typeof callback === "function") return;
  throw new TypeError(
    `Cannot ${act}: the callback is not a function: ${describe(callback)}`,
  );
}

/**
 * Calls a callback that may throw or reject.
 *
 * @param report Receives the error that the callback throws or rejects with.
 * @returns a promise that never rejects, if the callback returned a promise;
 * otherwise undefined.
 */
export function callGuarded(
  callback: () => unknown,
  report: (error: unknown) => void,
): Promise<void> | undefined {
  try {
    const result = callback();
    if (!isPromiseLike(result)) return undefined;
    return Promise.resolve(result).then(() => {}, report);
  } catch (error) {
    report(error);
    return undefined;
  }
}
