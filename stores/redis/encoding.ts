/**
 * Strings of JavaScript, in the form in which Redis keeps them. A string may have
 * lone surrogates; control characters of ASCII are encoded, since they separate
 * strings.
 *
 * @module
 */

/** Matches strings that are JSON after a backslash, which starts no JSON. */
const NEEDS_JSON = /^\\|\p{Cc}|\p{Surrogate}/u;

/** Encodes a string. Most strings need no change. */
export function encodeText(text: string): string {
  return NEEDS_JSON.test(text) ? "\\" + JSON.stringify(text) : text;
}

/** Decodes a string of {@linkcode encodeText}. */
export function decodeText(encoded: string): string {
  return encoded.startsWith("\\") ? JSON.parse(encoded.slice(1)) : encoded;
}

/** Encodes a number in the form that scripts read and write. */
export function encodeNumber(value: number): string {
  return value === Infinity ? "inf" : String(value);
}

/** Decodes a number that a script has written. */
export function decodeNumber(encoded: string): number {
  return encoded === "inf" ? Infinity : Number(encoded);
}

/** Returns a string of a reply, which some clients return as bytes. */
export function textOf(reply: unknown): string {
  return reply instanceof Uint8Array
    ? new TextDecoder().decode(reply)
    : String(reply);
}

/** Returns a list of strings of a reply; an empty list if it is absent. */
export function textsOf(reply: unknown): string[] {
  return listOf(reply).map(textOf);
}

/** Returns a list of a reply; an empty list if it is absent. */
export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Returns a number in a reply. */
export function numberOf(reply: unknown): number {
  return decodeNumber(textOf(reply));
}
