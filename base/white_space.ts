/**
 * Returns whether the character at an index is white space in a header: SP or
 * HTAB, by RFC 9110 (5.6.3) and RFC 6265bis.
 *
 * `trim()` and `\s` use Unicode, where the byte A0 is a space too; a browser takes
 * that byte as a part of a cookie's name.
 */
export function isSpace(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}

/** Strips SP and HTAB only from both ends of a part of a header. */
export function trimSpace(text: string): string {
  let begin = 0;
  let end = text.length;
  while (begin < end && isSpace(text, begin)) begin++;
  while (begin < end && isSpace(text, end - 1)) end--;
  return text.slice(begin, end);
}
