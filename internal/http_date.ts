/**
 * UNIX milliseconds of a date in a header, NaN if it is none.
 *
 * What follows a semicolon is ignored, as in Twisted. The form of asctime has no
 * zone and is GMT like the others (RFC 9110, 5.6.7). A byte that no date has makes
 * it none: `Date.parse()` would take some for a space, and pass over others.
 */
export function parseHttpDate(text: string): number {
  const [date = ""] = text.split(";");
  if (/[^\t -~]/.test(date)) return NaN;
  return Date.parse(date.includes("GMT") ? date : `${date} GMT`);
}
