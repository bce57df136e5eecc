import { describe } from "../base/describe.ts";
import { isPromiseLike } from "../base/promises.ts";

/** A change of a value by a function. */
export interface ValueChange {
  /** Returns the new value for a copy of the current one. */
  readonly change: (value: unknown) => unknown;
  readonly current: () => unknown;
  /** The name of the value, for messages. */
  readonly name: string;
  /** The uid of the session, for messages. */
  readonly uid: string;
}

/**
 * Computes the new value of a change.
 *
 * @throws {TypeError} If the function returned a promise.
 */
export function computeValue(
  { change, current, name, uid }: ValueChange,
): unknown {
  // If `change` throws halfway, only the copy has changed.
  const value = change(copyOf(current()));
  if (!isPromiseLike(value)) return value;
  Promise.resolve(value).catch(() => {});
  throw new TypeError(
    `Cannot update ${
      describe(name)
    } of session "${uid}": the function returned a promise; it must return the value`,
  );
}

/** Copies a value, unless the copy would lose a part of it. */
function copyOf(value: unknown): unknown {
  try {
    const copy: unknown = structuredClone(value);
    return isWhole(copy, value, new Set()) ? copy : value;
  } catch {
    // A function or a symbol, for example.
    return value;
  }
}

/** Returns whether a structured clone has the classes and properties of a value. */
function isWhole(copy: unknown, value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== "object" || value === null) {
    return Object.is(copy, value);
  }
  if (seen.has(value)) return true;
  seen.add(value);
  // An object without a prototype gets that of all objects.
  const prototype = Object.getPrototypeOf(value) ?? Object.prototype;
  if (Object.getPrototypeOf(copy) !== prototype) return false;
  // The clone of shared memory is the same memory.
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer;
  const parts = value instanceof Map || value instanceof Set ? [...value] : [];
  const copies = parts.length > 0 ? [...copy as Set<unknown>] : [];
  const keys = Reflect.ownKeys(value);
  return keys.length === Reflect.ownKeys(copy as object).length &&
    keys.every((key) =>
      isWhole(Reflect.get(copy as object, key), Reflect.get(value, key), seen)
    ) &&
    parts.every((part, at) => isWhole(copies[at], part, seen));
}
