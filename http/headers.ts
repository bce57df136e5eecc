/**
 * Returns whether the character at an index is white space in a header: SP or
 * HTAB, by RFC 9110 (5.6.3) and RFC 6265bis.
 *
 * `trim()` and `\s` use Unicode, where the byte A0 is a space too; a browser takes
 * that byte as a part of a cookie's name.
 */
export function isSpace(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}

/** Strips SP and HTAB only from both ends of a part of a header. */
export function trimSpace(text: string): string {
  let begin = 0;
  let end = text.length;
  while (begin < end && isSpace(text, begin)) begin++;
  while (begin < end && isSpace(text, end - 1)) end--;
  return text.slice(begin, end);
}

/** Returns whether a value can be the value of a header. */
export function isHeaderValue(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    new Headers([["x", value]]);
    return true;
  } catch {
    return false;
  }
}

const LAST_EVENT_ID = "last-event-id";

/**
 * Returns the value of a request's header; undefined for null.
 *
 * `Last-Event-ID` is decoded: browsers send it in UTF-8 (HTML, 9.2.4), while
 * `Headers` has a character for each byte. A value that is not UTF-8 is returned as
 * it came.
 */
export function decodeHeader(
  name: string,
  value: string | null,
): string | undefined {
  if (value === null) return undefined;
  const isEventId = name.length === LAST_EVENT_ID.length &&
    name.toLowerCase() === LAST_EVENT_ID;
  return isEventId ? decodeBytes(value) : value;
}

/** Decodes a text that has a character for each byte. */
function decodeBytes(text: string): string {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch {
    return text;
  }
}
