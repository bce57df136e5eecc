import { HttpError } from "./http_error.ts";

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
  return isEventId ? decodeBytes(value) ?? value : value;
}

/** Decodes UTF-8 with a character for each byte; returns undefined for other text. */
export function decodeBytes(text: string): string | undefined {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch {
    return undefined;
  }
}

/** Matches a name that a cookie can have: a token of RFC 9110. */
export const COOKIE_NAME = /^[!#$%&'*+.^`|~\w-]+$/;

/** Matches a domain that a cookie can have; `@std/http` accepts a semicolon. */
export const COOKIE_DOMAIN = /^\.?[a-z\d]([a-z\d.-]*[a-z\d])?$/i;

/**
 * Finds the value of the last cookie of a name in a `Cookie` header.
 *
 * It reads the header as getCookies of `@std/http` does, but makes no object of
 * all cookies, and trims SP and HTAB, and nothing else, around a name and a value
 * (RFC 6265bis). getCookies trims every Unicode space around a name, and nothing
 * around a value. A browser sees no prefix in a name that begins with
 * the byte A0, so a subdomain can set a cookie that getCookies reads as
 * `__Host-session`.
 */
export function findCookie(header: string, name: string): string | undefined {
  return findCookies(header, name)[0];
}

const NO_VALUES: readonly string[] = [];

/** Finds the values of all cookies of a name, the last first. */
export function findCookies(header: string, name: string): readonly string[] {
  let values: string[] | undefined;
  // Forward: V8 searches backward three times as slowly.
  for (let begin = 0; begin < header.length;) {
    const next = header.indexOf(";", begin);
    const end = next === -1 ? header.length : next;
    const value = valueIn(header, begin, end, name);
    if (value !== undefined) {
      // A first push() would make room for 17 values.
      if (values === undefined) values = [value];
      else values.push(value);
    }
    begin = end + 1;
  }
  return values?.reverse() ?? NO_VALUES;
}

/**
 * Returns the value of the cookie in a part of a header; undefined if the cookie
 * has another name. It copies only the value.
 */
function valueIn(
  header: string,
  begin: number,
  end: number,
  name: string,
): string | undefined {
  while (begin < end && isSpace(header, begin)) begin++;
  if (!header.startsWith(name, begin)) return undefined;
  const equals = header.indexOf("=", begin);
  const hasValue = equals !== -1 && equals < end;
  let nameEnd = hasValue ? equals : end;
  while (nameEnd > begin && isSpace(header, nameEnd - 1)) nameEnd--;
  if (nameEnd - begin !== name.length) return undefined;
  if (!hasValue) return "";
  let valueBegin = equals + 1;
  while (valueBegin < end && isSpace(header, valueBegin)) valueBegin++;
  while (valueBegin < end && isSpace(header, end - 1)) end--;
  return header.slice(valueBegin, end);
}

/** The parts of a request that show its origin and its target. */
export interface OriginatingRequest {
  /** Returns a header of the request, or undefined. */
  getHeader(name: string): string | undefined;
  /** The root of the site as the client sees it. */
  readonly rootURL: URL;
}

/**
 * Refuses a request that a page of another origin made a browser send, with the
 * cookie or the password of the client.
 *
 * Browsers send the origin in `Sec-Fetch-Site`, or in `Origin` over plain http. A
 * request without both headers is not from a browser, so no other page can have
 * made it use a cookie. The schemes are not compared: behind a proxy that is not
 * trusted, the site cannot see its own.
 *
 * @param request The request.
 * @param origins Other origins to accept: `"https://app.example"`, for example.
 * @throws {HttpError} 403 if the origin is another.
 */
export function refuseOtherOrigins(
  request: OriginatingRequest,
  origins: readonly string[] = [],
): void {
  const origin = request.getHeader("origin");
  if (origin !== undefined && origins.includes(origin)) return;
  const site = request.getHeader("sec-fetch-site");
  const isOwn = site !== undefined
    ? site === "same-origin" || site === "none"
    : origin === undefined || hostOf(origin) === request.rootURL.host;
  if (!isOwn) {
    throw new HttpError(403, "Only pages of this site may send this request");
  }
}

/** Returns the host of an origin; undefined for `"null"` and for other texts. */
function hostOf(origin: string): string | undefined {
  const url = URL.parse(origin);
  return url?.origin === origin ? url.host : undefined;
}

/** A host that no path can name. */
const BASE = new URL("http://localhost");

/**
 * Returns a path of this host, with its query and fragment, as a browser would
 * understand it; undefined if a browser would go elsewhere.
 *
 * Browsers take `\` for a slash, ignore tabs and line breaks, and fold dots, so
 * `/\evil.example`, `/⇥/evil.example` and `/.//evil.example` lead to another host.
 */
export function localPath(text: string): string | undefined {
  if (!text.startsWith("/")) return undefined;
  const url = URL.parse(text, BASE);
  if (url === null || url.origin !== BASE.origin) return undefined;
  const path = url.pathname + url.search + url.hash;
  return path.startsWith("//") ? undefined : path;
}
