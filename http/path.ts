/**
 * Returns the path of a request's URL as the client sent it: from the slash after
 * the host to the query or the fragment. It is "/" by default, and "/*" for
 * `OPTIONS *`.
 *
 * `URL.pathname` costs ten times as much and folds dot segments.
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

/** Returns the query of a URL. Other parts of the URL may be malformed. */
export function queryOf(url: string): URLSearchParams {
  const [untilFragment = ""] = url.split("#", 1);
  const begin = untilFragment.indexOf("?");
  return new URLSearchParams(begin === -1 ? "" : untilFragment.slice(begin));
}

/** Returns the decoded segments of a part of a path: "a/" is ["a", ""]. */
export function segmentsOf(part: string): string[] {
  const segments = part.split("/");
  return part.includes("%") ? segments.map(decodeSegment) : segments;
}

/**
 * Returns decoded segments as a part of a path, the reverse of {@linkcode
 * segmentsOf}. A segment of the client's own path keeps its escapes.
 *
 * @param sent The path as the client sent it. Its last segments are these, unless a
 * resource has changed them.
 */
export function encodePath(segments: readonly string[], sent: string): string {
  const raw = sent.split("/").slice(-segments.length);
  const missing = segments.length - raw.length;
  return segments.map((segment, i) => {
    const own = raw[i - missing];
    return own !== undefined && decodeSegment(own) === segment
      ? own
      : encodeURIComponent(segment.toWellFormed());
  }).join("/");
}

/** Matches an encoded UTF-8 character; the first escape decides how many follow. */
const CHARACTER =
  /%[0-7][\da-f]|%[cd][\da-f]%[89ab][\da-f]|%e[\da-f](?:%[89ab][\da-f]){2}|%f[0-7](?:%[89ab][\da-f]){3}/gi;

/** Decodes the escapes of well-formed UTF-8, and leaves the rest as it is. */
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

/**
 * The path of a request on its way down the tree: the segments that the walk has
 * taken, and those that are left.
 *
 * The path stays text until a resource asks for arrays. From then on the walk
 * takes segments from the arrays, which resources may change.
 */
export class PathCursor {
  readonly #path: string;
  /** Where the next segment begins; beyond the path at its end. */
  #at = 1;
  #prepath: string[] | undefined = undefined;
  #postpath: string[] = [];

  /** @param path From the slash after the host; see {@linkcode pathOf}. */
  constructor(path: string) {
    this.#path = path;
  }

  /** The decoded segments that were taken. */
  get prepath(): string[] {
    return this.#prepath ?? this.#split();
  }

  /** The decoded segments that are left. */
  get postpath(): string[] {
    if (this.#prepath === undefined) this.#split();
    return this.#postpath;
  }

  /** Takes the next segment; undefined at the end. */
  next(): string | undefined {
    if (this.#prepath !== undefined) {
      const segment = this.#postpath.shift();
      if (segment !== undefined) this.#prepath.push(segment);
      return segment;
    }
    const path = this.#path;
    const at = this.#at;
    if (at > path.length) return undefined;
    const slash = path.indexOf("/", at);
    const end = slash === -1 ? path.length : slash;
    this.#at = end + 1;
    return decodeSegment(path.slice(at, end));
  }

  #split(): string[] {
    const path = this.#path;
    const at = this.#at;
    if (at <= path.length) this.#postpath = segmentsOf(path.slice(at));
    return this.#prepath = at === 1 ? [] : segmentsOf(path.slice(1, at - 1));
  }
}

/** The place of a page in the tree, which relative links start from. */
export interface Place {
  /** The decoded segments of the path down to the resource. */
  readonly prepath: readonly string[];
  /** The decoded segments below the resource. */
  readonly postpath: readonly string[];
}

/** Returns a relative link from a page to a child of its resource. */
export function childLink(place: Place, name: string): string {
  const link = encodeURIComponent(name.toWellFormed());
  const { length } = place.postpath;
  if (length > 0) return up(length - 1) + link || "./";
  const own = place.prepath.at(-1) ?? "";
  // An empty link would lead to the page itself.
  return own === ""
    ? link || "./"
    : `${encodeURIComponent(own.toWellFormed())}/${link}`;
}

/** Returns a relative link from a page to a sibling of its resource. */
export function siblingLink(place: Place, name: string): string {
  return up(place.postpath.length) + encodeURIComponent(name.toWellFormed()) ||
    "./";
}

function up(levels: number): string {
  return "../".repeat(levels);
}
