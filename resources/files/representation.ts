import type { MaybePromise } from "../../base/promises.ts";
import { parseHttpDate, tagsIn } from "../../request/conditional.ts";
import type { Rendered, SiteRequest } from "../../request.ts";
import { HAS_SUCCEEDED } from "../../request/internals.ts";
import {
  type ByteRange,
  contentRange,
  parseRange,
  type Piece,
  toMultipart,
} from "../../http/byte_ranges.ts";
import { HttpError } from "../../http/http_error.ts";

/** A body of known length, with its metadata. */
export interface Representation {
  /** The size in bytes. */
  readonly size: number;
  /** The media type. */
  readonly type: string;
  /** The encoding of a compressed body. */
  readonly encoding?: string | undefined;
  /** A strong entity tag. */
  readonly etag?: string | undefined;
  readonly modified?: Date | undefined;
  /** Returns the bytes to send; not called if no body is sent. */
  read(pieces: readonly Piece[]): MaybePromise<BodyInit>;
}

/**
 * Responds to GET or HEAD with a body, or with the ranges that the client needs.
 *
 * Preconditions are checked in the order of RFC 9110, section 13.2.2. HEAD gets the
 * headers of a GET without a `Range`.
 *
 * @throws {HttpError} 412 if `If-Match` or `If-Unmodified-Since` is not met.
 */
export function sendRepresentation(
  request: SiteRequest,
  body: Representation,
): MaybePromise<Rendered> {
  const { etag, modified, size, type } = body;
  // Conditions apply to a successful page: clients keep no copy of an error page.
  const isConditional = request[HAS_SUCCEEDED];
  const isTagCurrent = etag !== undefined && request.setETag(etag);
  const isDateCurrent = modified !== undefined &&
    request.setLastModified(modified);
  if (isConditional) refuseIfChanged(request, body);
  request.setHeader("accept-ranges", "bytes");
  if (!request.responseHeaders.has("x-content-type-options")) {
    // A file with a wrong type must not become a page of the site.
    request.setHeader("x-content-type-options", "nosniff");
  }
  if (isTagCurrent || isDateCurrent) return "";

  const ranges = isConditional ? rangesOf(request, body) : undefined;
  if (ranges === undefined) {
    if (body.encoding !== undefined) {
      request.setHeader("content-encoding", body.encoding);
    }
    return send([{ start: 0, end: size }], { type, length: size });
  }
  const [range, second] = ranges;
  if (range === undefined) {
    request.setResponseCode(416);
    request.setHeader("content-range", contentRange(undefined, size));
    request.responseHeaders.delete("cache-control");
    return "";
  }
  request.setResponseCode(206);
  if (second !== undefined) {
    const multipart = toMultipart(ranges, body);
    return send(multipart.pieces, multipart);
  }
  request.setHeader("content-range", contentRange(range, size));
  return send([range], { type, length: range.end - range.start });

  function send(
    pieces: readonly Piece[],
    { type, length }: { type: string; length: number },
  ): MaybePromise<BodyInit> {
    request.setHeader("content-type", type);
    request.setHeader("content-length", String(length));
    return request.method === "HEAD" ? "" : body.read(pieces);
  }
}

/** Returns the ranges to send: empty if none is valid, undefined to send the whole. */
function rangesOf(
  request: SiteRequest,
  body: Representation,
): ByteRange[] | undefined {
  const range = request.getHeader("range");
  if (range === undefined || request.method !== "GET") return undefined;
  const condition = request.getHeader("if-range");
  const isMet = condition === undefined || condition === body.etag ||
    isDateOf(request, { condition, body });
  return isMet ? parseRange(range, body.size) : undefined;
}

/**
 * Returns whether a date names this version of the body, and no other.
 *
 * A date within the second of the change does not name one version, since the body
 * may have changed again in that second (RFC 9110, section 8.8.2.2).
 */
function isDateOf(
  request: SiteRequest,
  { condition, body }: { condition: string; body: Representation },
): boolean {
  const shown = shownDate(request);
  return parseHttpDate(condition) === shown && !(shown < changeDate(body));
}

/** Returns the date that the response shows; NaN without one. */
function shownDate(request: SiteRequest): number {
  return Date.parse(request.responseHeaders.get("last-modified") ?? "");
}

/**
 * Returns the end of the second in which the body changed last; NaN if that is
 * unknown.
 */
function changeDate({ modified }: Representation): number {
  return Math.ceil((modified?.getTime() ?? NaN) / 1000) * 1000;
}

/** Throws if the request is only for another version of the body. */
function refuseIfChanged(request: SiteRequest, body: Representation): void {
  const tags = request.getHeader("if-match");
  const since = request.getHeader("if-unmodified-since") ?? "";
  // An unreadable date is NaN, which is less than no other date.
  const hasChanged = tags !== undefined
    ? !namesStrongly(tags, body.etag)
    : [shownDate(request), changeDate(body)].some((date) =>
      parseHttpDate(since) < date
    );
  if (hasChanged) {
    throw new HttpError(412, "The page at this address has changed.");
  }
}

/**
 * Returns whether `If-Match` names an entity tag, by strong comparison. Only `*`
 * names a weak tag, or a resource without a tag (RFC 9110, 13.1.1).
 */
function namesStrongly(header: string, etag: string | undefined): boolean {
  if (header === "*") return true;
  return etag !== undefined && !etag.startsWith("W/") &&
    tagsIn(header).includes(etag);
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
