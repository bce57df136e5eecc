/** `Uint8Array.prototype.toHex`, which Node lacks up to version 24. */
interface WithHex {
  toHex?(): string;
}

const DIGITS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);

/** Returns bytes as lower-case hex digits. */
export function toHex(bytes: Uint8Array): string {
  const { toHex } = bytes as WithHex;
  if (toHex !== undefined) return toHex.call(bytes);
  let text = "";
  for (const byte of bytes) text += DIGITS[byte];
  return text;
}

/** Returns the bytes of hex digits, of which there is an even number. */
export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2);
  for (const index of bytes.keys()) {
    bytes[index] = parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
