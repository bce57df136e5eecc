import { describe } from "../base/describe.ts";
import { trimSpace } from "../http/headers.ts";
import { HAS_SUCCEEDED } from "./internals.ts";

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
const TIME = String.raw`(?<time>\d\d:\d\d:\d\d)`;
const MONTH = `(?<month>${MONTHS.replaceAll(" ", "|")})`;

/**
 * The three forms of a date (RFC 9110, section 5.6.7). Servers send the first one.
 */
const FORMS: readonly RegExp[] = [
  `(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`,
  `(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT`,
  `(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** Years after which a year of two digits is of the last century. */
const MOST_YEARS_AHEAD = 50;

/**
 * Returns the UNIX milliseconds of an HTTP-date, in one of the three forms of RFC
 * 9110; NaN for all other texts.
 *
 * The name of the day is not compared with the date. `Date.parse()` would take
 * "maybe 2030" and "foo 5" for dates.
 */
export function parseHttpDate(text: string): number {
  for (const form of FORMS) {
    const { day, month, year, time } = form.exec(text)?.groups ?? {};
    if (day === undefined) continue;
    const index = MONTHS.split(" ").indexOf(month!);
    const [hour, minute, second] = time!.split(":").map(Number);
    // A leap second is the second after, as in UNIX time.
    if (hour! > 23 || minute! > 59 || second! > 60) return NaN;
    const date = new Date(0);
    date.setUTCFullYear(wholeYear(year!), index, Number(day));
    if (date.getUTCMonth() !== index) return NaN;
    return date.setUTCHours(hour!, minute!, second!);
  }
  return NaN;
}

/** Returns the whole year for two digits, one that is not far in the future. */
function wholeYear(digits: string): number {
  const year = Number(digits);
  if (digits.length > 2) return year;
  const now = new Date().getUTCFullYear();
  const inCentury = now - now % 100 + year;
  return inCentury > now + MOST_YEARS_AHEAD ? inCentury - 100 : inCentury;
}

/**
 * Returns whether `If-None-Match` names an entity tag, by weak comparison (RFC 9110,
 * 13.1.2).
 */
export function namesWeakly(header: string, etag: string): boolean {
  return header === "*" ||
    tagsIn(header).some((tag) => opaque(tag) === opaque(etag));
}

/** Splits a list at each comma; the tags that we send have no comma. */
export function tagsIn(header: string): string[] {
  return header.split(",").map(trimSpace);
}

/** Strips the mark of a weak tag. */
function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

/** The parts of a request that its validators use. `SiteRequest` is one. */
export interface ConditionalRequest {
  readonly method: string;
  readonly headers: Headers;
  readonly responseHeaders: Headers;
  readonly [HAS_SUCCEEDED]: boolean;
  setHeader(name: string, value: string): void;
  setResponseCode(code: number): void;
}

/**
 * Sets `ETag`, and status 304 or 412 if `If-None-Match` names the tag.
 *
 * @returns whether the header names the tag.
 * @throws {RangeError} If there is a comma in the tag.
 */
export function setETag(request: ConditionalRequest, tag: string): boolean {
  if (tag.includes(",")) {
    throw new RangeError(`Cannot set ETag ${describe(tag)}: it has a comma`);
  }
  const quoted = /^(W\/)?".*"$/.test(tag) ? tag : `"${tag}"`;
  request.setHeader("etag", quoted);
  const known = request.headers.get("if-none-match") ?? "";
  if (!request[HAS_SUCCEEDED] || !namesWeakly(known, quoted)) return false;
  request.setResponseCode(isGetOrHead(request) ? 304 : 412);
  return true;
}

/**
 * Sets `Last-Modified`, and 304 if `If-Modified-Since` is not before it.
 *
 * @returns whether the status is now 304.
 * @throws {RangeError} If the date is invalid.
 */
export function setLastModified(
  request: ConditionalRequest,
  when: Date,
): boolean {
  const time = Math.ceil(when.getTime() / 1000) * 1000;
  if (Number.isNaN(time)) {
    throw new RangeError("Cannot set Last-Modified: the date is invalid");
  }
  const before = Date.parse(request.responseHeaders.get("last-modified") ?? "");
  const modified = before > time ? before : time;
  const now = Math.floor(Date.now() / 1000) * 1000;
  const shown = Math.min(modified, now);
  request.setHeader("last-modified", new Date(shown).toUTCString());
  const isComparable = modified <= now && request[HAS_SUCCEEDED] &&
    isGetOrHead(request) && !request.headers.has("if-none-match");
  if (!isComparable) return false;
  // Some old browsers send the length after the date, as in Twisted.
  const [date = ""] = request.headers.get("if-modified-since")?.split(";") ??
    [];
  const since = parseHttpDate(date);
  if (!(since >= modified)) return false;
  request.setResponseCode(304);
  return true;
}

function isGetOrHead({ method }: ConditionalRequest): boolean {
  return method === "GET" || method === "HEAD";
}
