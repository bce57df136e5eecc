import { describe } from "../base/describe.ts";

/** The callbacks that `onEnd` has registered, by name. */
export type NamedCallbacks<End> = ReadonlyMap<
  string,
  (argument: unknown, end: End) => unknown
>;

/**
 * Checks that a callback is registered by a name.
 *
 * @throws {TypeError} If none is.
 */
export function checkCallbackName(
  name: string,
  callbacks: ReadonlyMap<string, unknown>,
): void {
  if (callbacks.has(name)) return;
  throw new TypeError(
    `Cannot notify on expire: the callback is not registered by onEnd(), and not a function: ${
      describe(name)
    }`,
  );
}

/**
 * Returns a function that calls the callback of a name with a copy of an
 * argument, made now.
 *
 * @throws {DOMException} If the argument cannot be cloned.
 */
export function bindByName<End>(
  callbacks: NamedCallbacks<End>,
  name: string,
  argument: unknown,
): (end: End) => unknown {
  const kept = structuredClone(argument);
  return (end) => callbacks.get(name)?.(kept, end);
}
