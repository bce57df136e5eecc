import { parseHttpDate } from "./http_date.ts";
import { isSuccess, type Rendered, type SiteRequest } from "../request.ts";
import {
  type ByteRange,
  contentRange,
  parseRange,
  type Piece,
  toMultipart,
} from "./byte_ranges.ts";
import { namesStrongly } from "./entity_tags.ts";
import { HttpError } from "./http_error.ts";

/** A body of known length, and what is said of it. */
export interface Representation {
  /** In bytes. */
  readonly size: number;
  /** The media type. */
  readonly type: string;
  /** How it is compressed, if it is. */
  readonly encoding?: string | undefined;
  /** A strong entity tag. */
  readonly etag?: string | undefined;
  readonly modified?: Date | undefined;
  /** The bytes to send; not called if none are. */
  read(pieces: readonly Piece[]): BodyInit;
}

/**
 * Answers GET or HEAD with a body, or as much of it as the visitor needs.
 *
 * Preconditions go in the order of RFC 9110, section 13.2.2. HEAD is answered
 * as GET would be without a `Range`.
 *
 * @throws {HttpError} 412 if `If-Match` or `If-Unmodified-Since` is not met.
 */
export function sendRepresentation(
  request: SiteRequest,
  body: Representation,
): Rendered {
  const { etag, modified, size, type } = body;
  // Of a page that says what is wrong, nobody has a copy to compare.
  const isConditional = isSuccess(request);
  const isTagCurrent = etag !== undefined && request.setETag(etag);
  const isDateCurrent = modified !== undefined &&
    request.setLastModified(modified);
  if (isConditional) refuseIfChanged(request, etag);
  request.setHeader("accept-ranges", "bytes");
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
  ): BodyInit {
    request.setHeader("content-type", type);
    request.setHeader("content-length", String(length));
    return request.method === "HEAD" ? "" : body.read(pieces);
  }
}

/** The ranges to send: none if none can be, undefined to send the whole. */
function rangesOf(
  request: SiteRequest,
  { etag, size }: Representation,
): ByteRange[] | undefined {
  const range = request.getHeader("range");
  if (range === undefined || request.method !== "GET") return undefined;
  const condition = request.getHeader("if-range");
  const isMet = condition === undefined || condition === etag ||
    condition === request.responseHeaders.get("last-modified");
  return isMet ? parseRange(range, size) : undefined;
}

/** Refuses if the visitor knows another version and wants that one only. */
function refuseIfChanged(request: SiteRequest, etag: string | undefined): void {
  const tags = request.getHeader("if-match");
  const since = request.getHeader("if-unmodified-since");
  const modified = request.responseHeaders.get("last-modified") ?? "";
  // An unreadable date is NaN, which is not less than any.
  const hasChanged = tags !== undefined
    ? !namesStrongly(tags, etag)
    : parseHttpDate(since ?? "") < parseHttpDate(modified);
  if (hasChanged) {
    throw new HttpError(412, "What is at this address has changed.");
  }
}
