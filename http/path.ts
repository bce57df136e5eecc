/**
 * Returns the path of a request's URL as the client sent it: from the slash after
 * the host to the query or the fragment. It is "/" by default, and "/*" for
 * `OPTIONS *`.
 *
 * `URL.pathname` costs ten times as much and folds dot segments.
 */
export function pathOf(url: string): string {
  const begin = endOfPart(url, url.indexOf("://") + 3);
  return url.charCodeAt(begin) === SLASH
    ? url.slice(begin, endOfPath(url, begin + 1))
    : "/";
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
  /** The URL, as Deno made it from the Host header and the path. */
  readonly url: string;
  /** The index at which the first segment begins; 0 until it is known. */
  #begin = 0;
  /** The index at which the next segment begins; `END` after the last one. */
  #at = 0;
  #segments:
    | { readonly prepath: string[]; readonly postpath: string[] }
    | undefined = undefined;

  constructor(url: string) {
    this.url = url;
  }

  /** Sets where the first segment begins, so that no code has to look for it. */
  startAt(begin: number): void {
    this.#begin = this.#at = begin;
  }

  /** The decoded segments that were taken. */
  get prepath(): string[] {
    return this.#split().prepath;
  }

  /** The decoded segments that are left. */
  get postpath(): string[] {
    return this.#split().postpath;
  }

  /** Takes the next segment; undefined at the end. */
  next(): string | undefined {
    if (this.#segments !== undefined) {
      const { prepath, postpath } = this.#segments;
      const segment = postpath.shift();
      if (segment !== undefined) prepath.push(segment);
      return segment;
    }
    if (this.#at === END) return undefined;
    if (this.#begin === 0) this.#start();
    const { url } = this;
    const at = this.#at;
    const end = endOfPart(url, at);
    this.#at = url.charCodeAt(end) === SLASH ? end + 1 : END;
    return decodeSegment(url.slice(at, end));
  }

  #start(): void {
    const { url } = this;
    const end = endOfPart(url, url.indexOf("://") + 3);
    // A URL may end with its host: then there is one empty segment.
    this.startAt(url.charCodeAt(end) === SLASH ? end + 1 : end);
  }

  #split(): { readonly prepath: string[]; readonly postpath: string[] } {
    if (this.#segments !== undefined) return this.#segments;
    if (this.#begin === 0) this.#start();
    const path = this.url.slice(this.#begin, endOfPath(this.url, this.#begin));
    if (this.#at === END) {
      return this.#segments = { prepath: segmentsOf(path), postpath: [] };
    }
    const taken = this.#at - this.#begin;
    return this.#segments = {
      prepath: taken === 0 ? [] : segmentsOf(path.slice(0, taken - 1)),
      postpath: segmentsOf(path.slice(taken)),
    };
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

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const HASH = 0x23;

/** The place of the next segment after the last one. */
const END = -1;

/** Returns the index at which a host, or a segment of a path, ends in a URL. */
function endOfPart(url: string, begin: number): number {
  let end = begin;
  for (; end < url.length; end++) {
    const code = url.charCodeAt(end);
    if (code === SLASH || code === QUESTION_MARK || code === HASH) break;
  }
  return end;
}

/** Returns the index at which a path ends in a URL. */
function endOfPath(url: string, begin: number): number {
  let end = endOfPart(url, begin);
  while (url.charCodeAt(end) === SLASH) end = endOfPart(url, end + 1);
  return end;
}
