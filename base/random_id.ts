import { toHex } from "./hex.ts";

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
