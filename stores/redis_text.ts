/**
 * Strings of JavaScript as Redis keeps them: any there are, lone surrogates
 * too, without the control characters of ASCII, so that these can separate them.
 *
 * @module
 */

/** What is kept as JSON after a backslash, which no JSON begins with. */
const NOT_AS_IT_IS = /^\\|\p{Cc}|\p{Surrogate}/u;

/** A string as it is kept: nearly always as it is. */
export function encodeText(text: string): string {
  return NOT_AS_IT_IS.test(text) ? "\\" + JSON.stringify(text) : text;
}

/** The string that {@linkcode encodeText} was given. */
export function decodeText(kept: string): string {
  return kept.startsWith("\\") ? JSON.parse(kept.slice(1)) : kept;
}

/** A number as the scripts read and write it. */
export function encodeNumber(value: number): string {
  return value === Infinity ? "inf" : String(value);
}

/** The number that a script has written. */
export function decodeNumber(kept: string): number {
  return kept === "inf" ? Infinity : Number(kept);
}

/** A string in a reply, whatever the client makes of strings. */
export function textOf(reply: unknown): string {
  return reply instanceof Uint8Array
    ? new TextDecoder().decode(reply)
    : String(reply);
}

/** A list of strings in a reply; none if there is nothing. */
export function textsOf(reply: unknown): string[] {
  return listOf(reply).map(textOf);
}

/** A list in a reply; an empty one if there is nothing. */
export function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** A number in a reply. */
export function numberOf(reply: unknown): number {
  return decodeNumber(textOf(reply));
}
