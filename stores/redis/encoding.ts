/**
 * Strings of JavaScript as Redis holds them: any string, lone surrogates too,
 * without the control characters of ASCII, which separate strings.
 *
 * @module
 */

/** Matches strings that are JSON after a backslash, which starts no JSON. */
const NEEDS_JSON = /^\\|\p{Cc}|\p{Surrogate}/u;

/** Encodes a string; nearly every string stays as it is. */
export function encodeText(text: string): string {
  return NEEDS_JSON.test(text) ? "\\" + JSON.stringify(text) : text;
}

/** Decodes a string of {@linkcode encodeText}. */
export function decodeText(encoded: string): string {
  return encoded.startsWith("\\") ? JSON.parse(encoded.slice(1)) : encoded;
}

/** Encodes a number as scripts read and write it. */
export function encodeNumber(value: number): string {
  return value === Infinity ? "inf" : String(value);
}

/** Decodes a number that a script has written. */
export function decodeNumber(encoded: string): number {
  return encoded === "inf" ? Infinity : Number(encoded);
}

/** Returns a string in a reply, which some clients make bytes of. */
export function textOf(reply: unknown): string {
  return reply instanceof Uint8Array
    ? new TextDecoder().decode(reply)
    : String(reply);
}

/** Returns a list of strings in a reply; an empty one if there is none. */
export function textsOf(reply: unknown): string[] {
  return listOf(reply).map(textOf);
}

/** Returns a list in a reply; an empty one if there is none. */
export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** Returns a number in a reply. */
export function numberOf(reply: unknown): number {
  return decodeNumber(textOf(reply));
}
