/**
 * Returns the UNIX milliseconds of a date in a header; NaN if it is invalid.
 *
 * Text after a semicolon is ignored, as in Twisted. The form of asctime has no
 * zone and is GMT like the others (RFC 9110, 5.6.7). Bytes that occur in no date
 * are refused, because `Date.parse()` takes some for a space and ignores others.
 */
export function parseHttpDate(text: string): number {
  const [date = ""] = text.split(";");
  if (/[^\t -~]/.test(date)) return NaN;
  return Date.parse(date.includes("GMT") ? date : `${date} GMT`);
}
