/**
 * The path of a request's URL, as it came: from the slash after the host to the
 * query or the fragment. "/" where there is none; of `OPTIONS *`, "/*".
 *
 * Not `URL.pathname`, which costs ten times as much and folds dot segments.
 */
export function pathOf(url: string): string {
  const host = url.indexOf("://") + 3;
  let end = url.indexOf("#", host);
  if (end === -1) end = url.length;
  const query = url.indexOf("?", host);
  if (query !== -1 && query < end) end = query;
  const begin = url.indexOf("/", host);
  return begin === -1 || begin >= end ? "/" : url.slice(begin, end);
}

/** The segments of a part of a path, decoded: "a/" is ["a", ""]. */
export function segmentsOf(part: string): string[] {
  const segments = part.split("/");
  return part.includes("%") ? segments.map(decodeSegment) : segments;
}

/** One encoded UTF-8 character: one to four escapes, by the first of them. */
const CHARACTER =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}/gi;

/** Decodes what is well-formed UTF-8 in escapes, and leaves the rest as it is. */
export function decodeSegment(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment.replace(CHARACTER, (escapes) => {
      try {
        return decodeURIComponent(escapes);
      } catch {
        // Overlong, a surrogate, or beyond Unicode.
        return escapes;
      }
    });
  }
}
