import { describe } from "../base/describe.ts";
import { HttpError } from "./http_error.ts";

const URLENCODED = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

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
export async function readForm(
  body: Request | Response,
  maxFields: number,
): Promise<FormData> {
  const header = body.headers.get("content-type") ?? "";
  const bytes = await body.bytes();
  const type = checkForm(bytes, header, maxFields);
  return new Response(bytes, { headers: [["content-type", type]] }).formData();
}

/**
 * Returns the Content-Type to parse a form by. It is written anew, so that the
 * parser reads the form in the same way as the count.
 */
function checkForm(
  bytes: Uint8Array,
  header: string,
  maxFields: number,
): string {
  const essence = header.split(";", 1)[0]!.trim().toLowerCase();
  if (essence === URLENCODED) {
    checkFields(bytes, maxFields);
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

/** Counts fields: one begins with each byte other than "&" at the start or after "&". */
function checkFields(bytes: Uint8Array, maxFields: number): void {
  let fields = 0;
  let before = AMPERSAND;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (before === AMPERSAND && byte !== AMPERSAND && ++fields > maxFields) {
      throw tooMany(maxFields);
    }
    before = byte;
  }
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
