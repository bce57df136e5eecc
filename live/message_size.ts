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
