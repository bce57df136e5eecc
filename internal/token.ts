/** Bytes of a uid, and of a secret. */
const ID_BYTES = 16;

/** Their hex digits. */
export const ID_LENGTH = 2 * ID_BYTES;

/** Random bytes are drawn by so many at a time: a draw costs more than its bytes. */
const pool = new Uint8Array(256 * ID_BYTES);
let drawn = pool.length;

/** 128 random bits as 32 lower-case hex digits. */
export function randomId(): string {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool);
    drawn = 0;
  }
  return pool.subarray(drawn, drawn += ID_BYTES).toHex();
}

/** Whether two secrets are the same, in a time that depends on the length only. */
export function isSameSecret(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let i = 0; i < one.length; i++) {
    difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  }
  return difference === 0;
}
