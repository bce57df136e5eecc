import { HttpError } from "./http_error.ts";

/**
 * The most arrays and objects that may be nested. A program can walk through that
 * many by recursion.
 */
const MAX_DEPTH = 1000;

/**
 * The most members of one object: V8 takes seconds for some hundred thousand
 * different names.
 */
const MAX_MEMBERS = 100_000;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Reads JSON after its depth and the members of its objects have been counted.
 * Parsing 10 MiB of "[", or of different names, would block the event loop for
 * seconds.
 *
 * @throws {HttpError} 400 if it is nested too deep, 413 if an object has too many
 * members.
 * @throws {SyntaxError} If it is not JSON.
 */
export async function readJson(body: Request | Response): Promise<unknown> {
  const bytes = await body.bytes();
  checkShape(bytes);
  return JSON.parse(new TextDecoder().decode(bytes));
}

/**
 * Checks how deep JSON is nested, and how many members its objects have. The
 * counts are wrong only after an error in the text, where the parser stops.
 */
function checkShape(bytes: Uint8Array): void {
  const members = new Uint32Array(MAX_DEPTH + 1);
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) {
      // A quote that is escaped does not end the string.
      if (byte === BACKSLASH) at++;
    } else if (byte === COLON) {
      if (++members[depth]! > MAX_MEMBERS) {
        throw new HttpError(
          413,
          `An object of the JSON may have ${MAX_MEMBERS} members at most`,
        );
      }
    } else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      if (++depth > MAX_DEPTH) {
        throw new HttpError(
          400,
          `The JSON may be nested ${MAX_DEPTH} deep at most`,
        );
      }
      members[depth] = 0;
    } else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) {
      if (depth > 0) depth--;
    }
  }
}
