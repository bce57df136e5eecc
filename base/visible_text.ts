/**
 * Matches control, bidirectional and invisible characters, unpaired surrogates,
 * and all white space but the space. A terminal obeys some, others hide a text or
 * turn it around.
 */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}|\p{Default_Ignorable_Code_Point}/gu;

/** The escapes that readers of logs know. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/**
 * Returns a text with its control, bidirectional and invisible characters as
 * escapes, such as `\u202e`, so that it can be shown in a log, a terminal or a page.
 *
 * The escapes are those of JSON, with braces beyond U+FFFF. Backslashes stay as they
 * are.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const short = SHORT.get(character);
    if (short !== undefined) return short;
    const hex = character.codePointAt(0)!.toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
  });
}
