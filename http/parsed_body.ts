import { describe } from "../base/describe.ts";
import { HttpError } from "./http_error.ts";

const URLENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

/**
 * Bytes from which a form is read in pieces. Shorter forms are faster to read at
 * once.
 */
const LONG = 2 ** 16;

const AMPERSAND = 0x26;
const CR = 0x0d;
const DASH = 0x2d;
const LF = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Reads a form, after its fields have been counted.
 *
 * Parsing takes a hundred times the memory of a small field, and 10 MiB of such
 * fields block the event loop for seconds. So the fields or parts are counted
 * first, on the bytes.
 *
 * @throws {HttpError} 413 if the form has more fields or parts.
 * @throws {TypeError} If the body is not a form, or if it is cut short.
 */
export async function parseForm(
  body: Request | Response,
  maxFields: number,
): Promise<FormData> {
  const header = body.headers.get("content-type") ?? "";
  const isLong = Number(body.headers.get("content-length") ?? Infinity) > LONG;
  const bytes = isLong && body.body !== null && essenceOf(header) === URLENCODED
    ? await readFields(body.body, maxFields)
    : await body.bytes();
  const type = checkForm(bytes, header, maxFields);
  return new Response(bytes, { headers: [["content-type", type]] }).formData();
}

/**
 * Returns the Content-Type for parsing a form. It is made of its parsed parts, so
 * that the parser and the count read the form in the same way.
 */
function checkForm(
  bytes: Uint8Array,
  header: string,
  maxFields: number,
): string {
  const essence = essenceOf(header);
  if (essence === URLENCODED) {
    if (fieldCounter()(bytes, maxFields) > maxFields) throw tooMany(maxFields);
    return URLENCODED;
  }
  if (essence !== MULTIPART) {
    throw new TypeError(
      `Cannot read the form: its type is not that of a form: ${
        describe(header)
      }`,
    );
  }
  const boundary = boundaryIn(header);
  if (boundary === undefined) {
    throw new TypeError("Cannot read the form: its type has no boundary");
  }
  checkParts(bytes, boundary, maxFields);
  return `${MULTIPART}; boundary="${boundary.replace(/["\\]/g, "\\$&")}"`;
}

/**
 * Reads the bytes of a long form, and counts the fields as they come: a form that
 * has too many is never in memory as a whole.
 *
 * The rest of such a form is read and dropped. A client that is still sending
 * would lose the response if the connection were closed.
 */
async function readFields(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  maxFields: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const count = fieldCounter();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let isTooMany = false;
  for await (const chunk of body) {
    if (isTooMany) continue;
    isTooMany = count(chunk, maxFields) > maxFields;
    if (isTooMany) chunks.length = 0;
    else chunks.push(chunk);
  }
  if (isTooMany) throw tooMany(maxFields);
  return await new Blob(chunks).bytes();
}

/**
 * Returns a function that counts the fields of a form that arrives in pieces. A
 * field begins with each byte other than "&" at the start or after "&". The
 * function stops counting beyond a limit.
 */
function fieldCounter(): (bytes: Uint8Array, limit: number) => number {
  let fields = 0;
  let before = AMPERSAND;
  return (bytes, limit) => {
    for (let at = 0; at < bytes.length && fields <= limit; at++) {
      const byte = bytes[at]!;
      if (before === AMPERSAND && byte !== AMPERSAND) fields++;
      before = byte;
    }
    return fields;
  };
}

function essenceOf(header: string): string {
  return header.split(";", 1)[0]!.trim().toLowerCase();
}

/**
 * Counts the delimiters that begin a part, each on a line of its own.
 *
 * Delimiters within the headers of a part and after the end count too, because
 * parsers may differ there. Deno accepts a body that was cut short; here the last
 * delimiter must be the one that ends the form.
 */
function checkParts(
  bytes: Uint8Array,
  boundary: string,
  maxParts: number,
): void {
  const delimiter = new TextEncoder().encode(`--${boundary}`);
  let parts = 0;
  let hasEnded = false;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== DASH) continue;
    if (at > 0 && (bytes[at - 1] !== LF || bytes[at - 2] !== CR)) continue;
    const kind = delimiterAt(bytes, at, delimiter);
    if (kind === undefined) continue;
    hasEnded = kind === "end";
    if (!hasEnded && ++parts > maxParts) throw tooMany(maxParts);
  }
  if (!hasEnded) throw new TypeError("Cannot read the form: it does not end");
}

/** Returns the kind of a delimiter that fills its line (RFC 2046, section 5.1.1). */
function delimiterAt(
  bytes: Uint8Array,
  start: number,
  delimiter: Uint8Array,
): "part" | "end" | undefined {
  for (let i = 0; i < delimiter.length; i++) {
    if (bytes[start + i] !== delimiter[i]) return undefined;
  }
  let at = start + delimiter.length;
  const isEnd = bytes[at] === DASH && bytes[at + 1] === DASH;
  if (isEnd) at += 2;
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  const isLine = bytes[at] === CR && bytes[at + 1] === LF;
  if (isEnd) return isLine || at === bytes.length ? "end" : undefined;
  return isLine ? "part" : undefined;
}

/** Matches the parameters of a media type: name, quoted value, or value without quotes. */
const PARAMETERS =
  /;[\t ]*([^;=]*)(?:=(?:"((?:[^"\\]|\\.)*)"?[^;]*|([^;]*)))?/g;

function boundaryIn(type: string): string | undefined {
  for (const [, name, quoted, plain = ""] of type.matchAll(PARAMETERS)) {
    if (name!.toLowerCase() !== "boundary") continue;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? plain.trimEnd();
    if (value !== "") return value;
  }
  return undefined;
}

function tooMany(maxFields: number): HttpError {
  return new HttpError(413, `The form may have ${maxFields} fields at most`);
}

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
export async function parseJson(body: Request | Response): Promise<unknown> {
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
