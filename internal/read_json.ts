import { HttpError } from "./http_error.ts";

/**
 * How many arrays and objects may be in each other: as many as a program can walk
 * through by recursion.
 */
const MAX_DEPTH = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Reads JSON, after its depth has been counted: parsing 10 MiB of "[" would stop
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

/** The count is right for JSON, and a parser stops where the text is not JSON. */
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
