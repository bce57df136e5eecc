import { randomId } from "./token.ts";

/** A part of a body: from `start` up to `end`, which is not in it. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** What is sent in its turn: bytes as they are, or a part of the body. */
export type Piece = Uint8Array<ArrayBuffer> | ByteRange;

/** Several parts of a body in one. */
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
 * Each costs a hundred bytes of heading and a seek for as little as a byte.
 * Viewers of documents ask for some dozens; who asks for more gets the whole
 * body, which is never wrong.
 */
export const MAX_RANGES = 100;

/**
 * The parts of a body that a `Range` header asks for, in the order of asking.
 *
 * By RFC 9110, section 14: a unit other than bytes, a list with a malformed or
 * inverted range, and one without any range are passed over, as if the header
 * were not there. So are a suffix of an empty body, which no `Content-Range` can
 * name, too many ranges, and ranges that are together longer than the body,
 * which must overlap.
 *
 * @param size The length of the body in bytes.
 * @returns undefined if the whole body is to be sent, and none if no range can
 * be satisfied.
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

/** The value of `Content-Range`; without a range, the one that says why not. */
export function contentRange(
  range: ByteRange | undefined,
  size: number,
): string {
  return range === undefined
    ? `bytes */${size}`
    : `bytes ${range.start}-${range.end - 1}/${size}`;
}

/**
 * The body of media type `multipart/byteranges` that carries some ranges.
 *
 * @param whole The length and the media type of what they are parts of.
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

/** A range, empty if it cannot be satisfied; undefined if it must be passed over. */
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
