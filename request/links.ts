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
