import { randomId } from "../base/ids.ts";

/** A part of a body: from `start` up to but not including `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A piece of a multipart body: bytes of its own, or a range of the whole body. */
export type Piece = Uint8Array<ArrayBuffer> | ByteRange;

/** A body made of several ranges of another body. */
export interface Multipart {
  /** Its media type, with the boundary between the parts. */
  readonly type: string;
  readonly pieces: readonly Piece[];
  /** In bytes. */
  readonly length: number;
}

/**
 * The most ranges of one request that are answered.
 *
 * Each range costs a heading of a hundred bytes and a seek, for as little as one
 * byte. Viewers of documents ask for some dozens. A request for more gets the
 * whole body, which RFC 9110 always allows.
 */
export const MAX_RANGES = 100;

/**
 * Returns the ranges that a `Range` header asks for, in the order of the header.
 *
 * By RFC 9110, section 14, the header is ignored if its unit is not bytes, if a
 * range is malformed or inverted, or if there is no range. It is also ignored if
 * there are too many ranges, or if they are together longer than the body, so that
 * some overlap. A suffix of an empty body is ignored because no `Content-Range`
 * can name it.
 *
 * @param size The length of the body in bytes.
 * @returns undefined if the whole body is to be sent; an empty list if no range
 * can be satisfied.
 */
export function parseRange(
  header: string,
  size: number,
): ByteRange[] | undefined {
  if (!/^bytes=/i.test(header)) return undefined;
  const specs = header.slice("bytes=".length).split(",")
    .filter((spec) => !/^[ \t]*$/.test(spec));
  if (specs.length === 0 || specs.length > MAX_RANGES) return undefined;

  const ranges: ByteRange[] = [];
  let total = 0;
  for (const spec of specs) {
    const range = parseSpec(spec, size);
    if (range === undefined) return undefined;
    if (range.start >= range.end) continue;
    ranges.push(range);
    total += range.end - range.start;
  }
  return total > size ? undefined : ranges;
}

/** Returns the `Content-Range` of a range; without a range, that of a 416. */
export function contentRange(
  range: ByteRange | undefined,
  size: number,
): string {
  return range === undefined
    ? `bytes */${size}`
    : `bytes ${range.start}-${range.end - 1}/${size}`;
}

/**
 * Returns a body of media type `multipart/byteranges` with some ranges.
 *
 * @param whole The length and the media type of the whole body.
 */
export function toMultipart(
  ranges: readonly ByteRange[],
  whole: { readonly size: number; readonly type: string },
): Multipart {
  const boundary = randomId();
  const encoder = new TextEncoder();
  const pieces: Piece[] = [];
  for (const range of ranges) {
    const heading = [
      `\r\n--${boundary}`,
      `content-type: ${whole.type}`,
      `content-range: ${contentRange(range, whole.size)}`,
      "\r\n",
    ].join("\r\n");
    pieces.push(encoder.encode(heading), range);
  }
  pieces.push(encoder.encode(`\r\n--${boundary}--\r\n`));
  const length = pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
  return { type: `multipart/byteranges; boundary=${boundary}`, pieces, length };
}

function lengthOf(piece: Piece): number {
  return piece instanceof Uint8Array
    ? piece.byteLength
    : piece.end - piece.start;
}

/**
 * Parses one range. It is empty if it cannot be satisfied, and undefined if the
 * header must be ignored.
 */
function parseSpec(spec: string, size: number): ByteRange | undefined {
  const [, first = "", last = ""] = /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(spec) ??
    [];
  if (first === "") {
    if (last === "") return undefined;
    const length = Number(last);
    if (size === 0 && length > 0) return undefined;
    return { start: Math.max(0, size - length), end: size };
  }
  const start = Number(first);
  if (last === "") return { start, end: size };
  if (Number(last) < start) return undefined;
  return { start, end: Math.min(Number(last) + 1, size) };
}
