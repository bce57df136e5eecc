import { describe } from "./describe.ts";
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
 * Parsing takes a hundred times the size of a small field, and 10 MiB of them
 * stop the event loop for seconds. So the fields of a urlencoded form and the
 * parts of a multipart one are counted first, on the bytes.
 *
 * @throws {HttpError} 413 if the form has more fields or parts.
 * @throws {TypeError} If it is no form, or not a whole one.
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
 * parser cannot take the form for another than the one that was counted.
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
      `Cannot read the form: its type is that of no form: ${describe(header)}`,
    );
  }
  const boundary = boundaryIn(header);
  if (boundary === undefined) {
    throw new TypeError("Cannot read the form: its type has no boundary");
  }
  checkParts(bytes, boundary, maxFields);
  return `${MULTIPART}; boundary="${boundary.replace(/["\\]/g, "\\$&")}"`;
}

/** A field begins with each byte but "&" that follows "&" or nothing. */
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
 * Those within the headers of a part and after the end count too: parsers may
 * differ there. Deno takes what there is of a body that was cut short for the
 * whole; here the last delimiter has to be the one that ends the form.
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

/** The delimiter that is all of a line, as in RFC 2046, section 5.1.1. */
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

/** The parameters of a media type: name, quoted value, or value without quotes. */
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
