import { describe, visible } from "../base/describe.ts";
import { builtin } from "../base/promises.ts";

/** The depth to which JSON is tried for a value; a cycle stops here too. */
const DEPTH = 32;

/** Thrown if the bytes of a value were transferred, to a worker for example. */
export class TransferredError extends TypeError {}

/**
 * Encodes a value as text: as JSON if that loses nothing, so that people can read
 * it in the database, otherwise as its structured clone.
 *
 * @throws {TypeError} If a structured clone would lose a part of it: a function, a
 * symbol, or an instance of a class.
 */
export function encodeValue(value: unknown): string {
  if (isJson(value, DEPTH, new Set())) return `j${JSON.stringify(value)}`;
  let found: ReturnType<typeof findUnstorable>;
  try {
    found = findUnstorable(value);
    if (found === undefined) {
      return `c${builtin("node:v8").serialize(value).toString("base64")}`;
    }
  } catch (cause) {
    throw new TypeError("value cannot be cloned", { cause });
  }
  const { path, kind, isTransferred } = found;
  const message = `${path} is ${kind}`;
  throw isTransferred ? new TransferredError(message) : new TypeError(message);
}

/**
 * Encodes a value of a session.
 *
 * @param act What the application does with it, for the error: `set "cart"`.
 * @throws {TypeError} If no store can keep it; the message says why.
 */
export function encodeStorable(
  value: unknown,
  act: string,
  uid: string,
): string {
  try {
    return encodeValue(value);
  } catch (cause) {
    throw new TypeError(
      `Cannot ${act} of session "${uid}": ${
        (cause as Error).message
      }, which no store can keep`,
      { cause },
    );
  }
}

/** Decodes the text of {@linkcode encodeValue}. */
export function decodeValue(text: string): unknown {
  const rest = text.slice(1);
  return text[0] === "j" ? JSON.parse(rest) : deserialize(bytesOf(rest));
}

/** Reads a structured clone, in which each view has a buffer of its own. */
function deserialize(bytes: Uint8Array): unknown {
  const { deserialize, DefaultDeserializer } = builtin("node:v8");
  // Bun has another format, lacks these classes, and gives views their own buffers.
  if ("Bun" in globalThis) return deserialize(bytes);
  const deserializer = new DefaultDeserializer(bytes);
  // Other runtimes return views into the bytes that they read, or into a pool.
  const read = deserializer._readHostObject;
  deserializer._readHostObject = () => ownView(read.call(deserializer));
  deserializer.readHeader();
  return deserializer.readValue();
}

/** Copies a view into a buffer that no other value shares. */
function ownView(view: ArrayBufferView): ArrayBufferView {
  const { buffer, byteOffset, byteLength } = view;
  const own = new Uint8Array(byteLength);
  own.set(new Uint8Array(buffer, byteOffset, byteLength));
  // A Buffer of Node is a Uint8Array here.
  const name = view instanceof DataView ? "DataView" : tagOf(view);
  const View = Reflect.get(globalThis, name) as new (
    buffer: ArrayBuffer,
  ) => ArrayBufferView;
  return new View(own.buffer);
}

function tagOf(view: ArrayBufferView): string {
  return Object.prototype.toString.call(view).slice("[object ".length, -1);
}

/** Decodes base64. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/**
 * Returns whether JSON keeps a value unchanged. It does not if an object occurs
 * twice.
 */
function isJson(value: unknown, depth: number, seen: Set<object>): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === 0 || seen.has(value)) return false;
  seen.add(value);
  if (Array.isArray(value)) {
    // Array.every() alone would pass over holes; the length is a key too.
    return Reflect.ownKeys(value).length === value.length + 1 &&
      Object.keys(value).length === value.length &&
      Object.getPrototypeOf(value) === Array.prototype &&
      value.every((each) => isJson(each, depth - 1, seen));
  }
  return Object.getPrototypeOf(value) === Object.prototype &&
    !("toJSON" in value) && !Object.hasOwn(value, "__proto__") &&
    Reflect.ownKeys(value).length === Object.keys(value).length &&
    Object.values(value).every((each) => isJson(each, depth - 1, seen));
}

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
