import { describe, visible } from "../base/describe.ts";

/** The part of a value that no store can keep. */
export interface Unstorable {
  /** Its place in the value: `value.items[2]`. */
  readonly path: string;
  /** Its kind, for an error: "a function", "an instance of Cart". */
  readonly kind: string;
  /** Whether the part is a buffer that was transferred, to a worker for example. */
  readonly isTransferred?: boolean;
}

/** The classes whose instances a structured clone copies without loss. */
const COPIED: ReadonlySet<unknown> = new Set<unknown>([
  ...[Object, Array, Map, Set, Date, RegExp, Boolean, Number, String, BigInt],
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError],
  ...[URIError, ArrayBuffer, DataView, Int8Array, Uint8Array, Int16Array],
  ...[Uint8ClampedArray, Uint16Array, Int32Array, Uint32Array, Float32Array],
  ...[Float64Array, BigInt64Array, BigUint64Array],
  // Older runtimes have no Float16Array.
  Reflect.get(globalThis, "Float16Array") ?? Object,
].map((each) => (each as { prototype: unknown }).prototype));

/**
 * Finds a part of a value that a structured clone loses: a function, a symbol, an
 * instance of a class, or a property that is not copied.
 */
export function findUnstorable(value: unknown): Unstorable | undefined {
  return find(value, "value", new Set());
}

function find(
  value: unknown,
  path: string,
  seen: Set<unknown>,
): Unstorable | undefined {
  switch (typeof value) {
    case "function":
      return { path, kind: "a function" };
    case "symbol":
      return { path, kind: "a symbol" };
    case "object":
      if (value === null || seen.has(value)) return undefined;
      seen.add(value);
      return findIn(value, path, seen);
    default:
      return undefined;
  }
}

function findIn(
  value: object,
  path: string,
  seen: Set<unknown>,
): Unstorable | undefined {
  const prototype = Object.getPrototypeOf(value);
  // Object.groupBy() and JSON readers make objects without a prototype.
  if (prototype !== null && !COPIED.has(prototype)) {
    return { path, kind: kindOf(value) };
  }
  // The bytes need no check.
  if (ArrayBuffer.isView(value)) {
    return value.buffer instanceof ArrayBuffer
      ? findTransferred(value.buffer, path)
      : { path, kind: "shared memory" };
  }
  if (value instanceof ArrayBuffer) return findTransferred(value, path);
  if (value instanceof Map) {
    for (const [key, each] of value) {
      const at = `${path}.get(${nameOf(key)})`;
      const found = find(key, `${path}.keys()`, seen) ?? find(each, at, seen);
      if (found !== undefined) return found;
    }
  } else if (value instanceof Set) {
    for (const each of value) {
      const found = find(each, `${path}.values()`, seen);
      if (found !== undefined) return found;
    }
  }
  return findInProperties(value, path, seen);
}

function findTransferred(
  buffer: ArrayBuffer,
  path: string,
): Unstorable | undefined {
  return buffer.detached
    ? { path, kind: "memory that was transferred", isTransferred: true }
    : undefined;
}

function findInProperties(
  value: object,
  path: string,
  seen: Set<unknown>,
): Unstorable | undefined {
  for (const key of Reflect.ownKeys(value)) {
    const at = `${path}${accessTo(key, Array.isArray(value))}`;
    if (typeof key === "symbol") return { path: at, kind: "a symbol" };
    if (isBuiltIn(value, key)) continue;
    if (!isCopied(value, key)) {
      return { path: at, kind: "a property that is not copied" };
    }
    const found = find(Reflect.get(value, key), at, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Returns whether a structured clone copies a property of an object. */
function isCopied(value: object, key: string): boolean {
  if (value instanceof Error) return key === "message" || key === "cause";
  const prototype = Object.getPrototypeOf(value);
  return Object.prototype.propertyIsEnumerable.call(value, key) &&
    (prototype === null || prototype === Object.prototype ||
      Array.isArray(value));
}

/**
 * Returns whether a property belongs to every object of the kind, as an array's
 * length.
 */
function isBuiltIn(value: object, key: string): boolean {
  if (value instanceof Error) return key === "stack";
  if (value instanceof String) return true;
  return key === "length" && Array.isArray(value) ||
    key === "lastIndex" && value instanceof RegExp;
}

function kindOf(value: object): string {
  const { constructor } = value;
  const name: unknown = typeof constructor === "function"
    ? constructor.name
    : undefined;
  return typeof name === "string" && name !== ""
    ? `an instance of ${name}`
    : "an instance of a class";
}

function accessTo(key: string | symbol, isArray: boolean): string {
  if (typeof key === "symbol") return `[${visible(String(key))}]`;
  if (isArray && /^\d+$/.test(key)) return `[${key}]`;
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
    ? `.${key}`
    : `[${describe(key)}]`;
}

function nameOf(key: unknown): string {
  return typeof key === "string" ? JSON.stringify(key) : String(key);
}
