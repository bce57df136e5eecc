import { builtin } from "../base/loading.ts";
import { findUnstorable } from "../session/storable.ts";

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
