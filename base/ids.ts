/** Bytes in a uid, and in the secret of a token. */
const ID_BYTES = 16;

/** Hex digits in a uid, and in the secret of a token. */
export const ID_LENGTH = 2 * ID_BYTES;

/** Random bytes for many ids, since each call of getRandomValues() is costly. */
const pool = new Uint8Array(256 * ID_BYTES);
let drawn = pool.length;

/** Returns 128 random bits as 32 lower-case hex digits. */
export function randomId(): string {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool);
    drawn = 0;
  }
  return toHex(pool.subarray(drawn, drawn += ID_BYTES));
}

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

/**
 * Returns the fencing number after another one: the time if that is greater. So
 * numbers still grow if a store loses the earlier ones.
 */
export function fenceAfter(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now));
}
