/** The site stops: the client connects again. */
export const GOING_AWAY = 1001;

/** The client may not stay. */
export const POLICY = 1008;

/** A message is too big. */
export const TOO_BIG = 1009;

/** An error of the application. */
export const INTERNAL_ERROR = 1011;

/** The client may connect again at once. */
export const TRY_AGAIN = 1013;

/** The most bytes of a reason in a close frame; with more, close() throws. */
const MAX_REASON = 123;

/** Returns as many whole characters of a reason as fit in a close frame. */
export function shorten(reason: string): string {
  const bytes = new Uint8Array(MAX_REASON);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return new TextDecoder().decode(bytes.subarray(0, written));
}

/** Returns whether a message has more than so many bytes. */
export function isLarger(data: unknown, bytes: number): boolean {
  if (typeof data === "string") {
    // A character takes one to three bytes.
    if (data.length * 3 <= bytes) return false;
    return data.length > bytes || new TextEncoder().encode(data).length > bytes;
  }
  const size = data instanceof Blob
    ? data.size
    : (data as ArrayBuffer).byteLength;
  return size > bytes;
}
