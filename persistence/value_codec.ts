import { builtin } from "../base/builtin.ts";

/** The depth to which a value is tried as JSON; a cycle ends here too. */
const DEPTH = 32;

/**
 * Encodes a value as text: as JSON if that loses nothing, so that people can read
 * it in the database, otherwise as its structured clone.
 *
 * @throws {TypeError} If it cannot be cloned, a function for example.
 */
export function encodeValue(value: unknown): string {
  if (isJson(value, DEPTH)) return `j${JSON.stringify(value)}`;
  try {
    return `c${builtin("node:v8").serialize(value).toString("base64")}`;
  } catch (cause) {
    throw new TypeError("The value cannot be cloned", { cause });
  }
}

/** Decodes the text of {@linkcode encodeValue}. */
export function decodeValue(text: string): unknown {
  const rest = text.slice(1);
  return text[0] === "j"
    ? JSON.parse(rest)
    : builtin("node:v8").deserialize(bytesOf(rest));
}

/** Decodes base64 into memory of its own, which no other value shares. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Whether JSON keeps a value unchanged. */
function isJson(value: unknown, depth: number): boolean {
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
  if (depth === 0) return false;
  if (Array.isArray(value)) {
    // Array.every() alone would pass over holes.
    return Object.keys(value).length === value.length &&
      value.every((each) => isJson(each, depth - 1));
  }
  return Object.getPrototypeOf(value) === Object.prototype &&
    !("toJSON" in value) && !Object.hasOwn(value, "__proto__") &&
    Object.getOwnPropertySymbols(value).length === 0 &&
    Object.values(value).every((each) => isJson(each, depth - 1));
}
