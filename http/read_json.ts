import { HttpError } from "./http_error.ts";

/**
 * The most arrays and objects that may be nested. A program can walk through that
 * many by recursion.
 */
const MAX_DEPTH = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Reads JSON after its depth has been counted. Parsing 10 MiB of "[" would block
 * the event loop for two seconds.
 *
 * @throws {HttpError} 400 if it is nested too deep.
 * @throws {SyntaxError} If it is not JSON.
 */
export async function readJson(body: Request | Response): Promise<unknown> {
  const bytes = await body.bytes();
  if (isDeeper(bytes, MAX_DEPTH)) {
    throw new HttpError(
      400,
      `The JSON may be nested ${MAX_DEPTH} deep at most`,
    );
  }
  return JSON.parse(new TextDecoder().decode(bytes));
}

/**
 * Returns whether JSON is nested deeper. The count is wrong only after an error in
 * the text, where the parser stops.
 */
function isDeeper(bytes: Uint8Array, maxDepth: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) {
      // A quote that is escaped does not end the string.
      if (byte === BACKSLASH) at++;
    } else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) {
      if (++depth > maxDepth) return true;
    } else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) {
      depth--;
    }
  }
  return false;
}
