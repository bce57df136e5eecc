import { describe } from "../base/describe.ts";
import { namesWeakly, parseHttpDate } from "../http/conditions.ts";
import { HAS_SUCCEEDED } from "./internals.ts";

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
