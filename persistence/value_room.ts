/** The size of the values of one session. */
export interface ValueRoom {
  /** The most bytes, in UTF-8, of all keys and encoded values together. */
  readonly limit: number;
  /** The encoded values that the session has. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Returns the most bytes that the values of a session may take. */
export function maxSessionBytesOf(
  options: { readonly maxSessionBytes?: number },
): number {
  return options.maxSessionBytes ?? 2 ** 16;
}

/**
 * Returns the error of a value for which a session has no room; undefined if there
 * is room, or the value is not larger than before.
 *
 * @param act What the application does, for the error: `set "cart"`.
 */
export function refuseLarge(
  { limit, texts }: ValueRoom,
  { key, text, act, uid }: {
    readonly key: string;
    readonly text: string;
    readonly act: string;
    readonly uid: string;
  },
): RangeError | undefined {
  // A character takes three bytes at most.
  let most = 3 * (key.length + text.length);
  for (const [key, text] of texts) most += 3 * (key.length + text.length);
  if (most <= limit) return undefined;
  let others = 0;
  for (const [other, text] of texts) {
    if (other !== key) others += sizeOf(other, text);
  }
  const size = sizeOf(key, text);
  const before = texts.get(key);
  const isSmaller = before !== undefined && size <= sizeOf(key, before);
  if (others + size <= limit || isSmaller) return undefined;
  return new RangeError(
    `Cannot ${act} of session "${uid}": the values would take ${
      others + size
    } bytes, more than maxSessionBytes allows: ${limit}`,
  );
}

function sizeOf(key: string, text: string): number {
  const encoder = new TextEncoder();
  return encoder.encode(key).length + encoder.encode(text).length;
}
