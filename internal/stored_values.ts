import { Buffer } from "node:buffer";
import { deserialize, serialize } from "node:v8";

/** How deep a value may be to be tried as JSON; cycles end here too. */
const DEPTH = 32;

/**
 * Writes a value as text: JSON where that says all of it, so that people can
 * read it in the database, and the structured clone of it otherwise.
 *
 * @throws {TypeError} If it cannot be cloned, a function for example.
 */
export function encodeValue(value: unknown): string {
  if (isJson(value, DEPTH)) return `j${JSON.stringify(value)}`;
  try {
    return `c${serialize(value).toString("base64")}`;
  } catch (cause) {
    throw new TypeError("The value cannot be cloned", { cause });
  }
}

/** Reads what {@linkcode encodeValue} has written. */
export function decodeValue(text: string): unknown {
  const rest = text.slice(1);
  return text[0] === "j"
    ? JSON.parse(rest)
    : deserialize(Buffer.from(rest, "base64"));
}

/** Whether JSON brings back the same. */
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
    // Not every(), which passes over holes.
    return Object.keys(value).length === value.length &&
      value.every((each) => isJson(each, depth - 1));
  }
  return Object.getPrototypeOf(value) === Object.prototype &&
    !("toJSON" in value) && !Object.hasOwn(value, "__proto__") &&
    Object.getOwnPropertySymbols(value).length === 0 &&
    Object.values(value).every((each) => isJson(each, depth - 1));
}
